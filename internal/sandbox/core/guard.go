package core

import (
	"net"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// guard is what watches over a submission server: it knows clients by address, as Postfix, Dovecot and fail2ban do. What
// it does is asked for by faults that stand until they are dropped.
type guard struct {
	now func() time.Time

	mu      sync.Mutex
	clients map[string]*watched
}

// watched is one address.
type watched struct {
	logins, refusals []time.Time
	banned           time.Time // until when
	row              int       // refusals in a row
}

func newGuard(now func() time.Time) *guard { return &guard{now: now, clients: map[string]*watched{}} }

func (g *guard) client(host string) *watched {
	c := g.clients[host]
	if c == nil {
		c = &watched{}
		g.clients[host] = c
	}
	return c
}

// forget drops what every address did.
func (g *guard) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.clients)
}

// recent drops what has left the window.
func recent(times []time.Time, since time.Time) []time.Time {
	return slices.DeleteFunc(times, func(t time.Time) bool { return !t.After(since) })
}

// errTooMany is Postfix's answer beyond smtpd_client_auth_rate_limit.
var errTooMany = &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Error: too many AUTH commands"}

// admit counts a login, and refuses it beyond the limit.
func (g *guard) admit(host string, f Fault) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	c, now := g.client(host), g.now()
	c.logins = append(recent(c.logins, now.Add(-f.Delay.std())), now)
	if len(c.logins) <= f.Limit {
		return true
	}
	c.logins = c.logins[:f.Limit] // what is refused does not count
	return false
}

// penalty is how long an answer to this address is held back: nothing at first, then the delay of the fault for each
// refusal in a row, up to 15 s, as Dovecot has it.
func (g *guard) penalty(host string, f Fault) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	const longest = 15 * time.Second
	return min(time.Duration(g.client(host).row)*f.Delay.std(), longest)
}

// note remembers an answer, and reports whether it bans the address.
func (g *guard) note(host string, accepted bool, ban *Fault) (banned bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c, now := g.client(host), g.now()
	if accepted {
		c.row = 0
		return false
	}
	c.row++
	if ban == nil {
		return false
	}
	c.refusals = append(recent(c.refusals, now.Add(-ban.Delay.std())), now)
	if len(c.refusals) < ban.Limit {
		return false
	}
	c.refusals, c.banned = nil, now.Add(ban.Delay.std())
	return true
}

// keepsOut reports whether an address is banned.
func (g *guard) keepsOut(host string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	c, known := g.clients[host]
	return known && c.banned.After(g.now())
}

// door is the listener of a submission server. It resets the connections of a banned address, as a packet filter does.
type door struct {
	net.Listener
	service *Service
}

// Accept implements net.Listener.
func (d door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil || d.service.injector.guard(d.service.Code, Ban) == nil || !d.service.guard.keepsOut(hostOf(conn)) {
			return conn, err
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
}

func hostOf(conn net.Conn) string {
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		return conn.RemoteAddr().String()
	}
	return host
}
