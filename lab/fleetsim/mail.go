package fleetsim

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"keyturn/internal/ratelimit/ratelimittest"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// mailServer is a submission server. It speaks SMTP over TLS, in memory.
type mailServer struct {
	*Sim
	address  string
	rate     rotation.Rate // what keyturn asks it by
	limit    int           // of AUTH a minute, beyond which it answers 421; 0: none
	spread   time.Duration // until it has heard of a change
	identity *tls.Config
	ledger   *ratelimittest.Ledger

	mu     sync.Mutex
	asked  []time.Time
	events int // that said that it refuses everybody, or lets logins in again
}

// dial is smtpauth.Config.Dial for one process.
func (m *mailServer) dial(p *process) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		if err := m.pass(ctx, 5*time.Millisecond, 50*time.Millisecond, p.name+m.address, "connect"); err != nil {
			return nil, err
		}
		switch {
		case p.dead.Load():
			panic(errDead)
		case m.on(mailAway, m.address):
			return nil, errors.New("connection refused")
		}
		client, server := net.Pipe()
		m.running.Go(func() {
			defer server.Close()
			_ = m.serve(tls.Server(server, m.identity)) // the client has gone, or the server says no more
		})
		return client, nil
	}
}

// serve is one conversation.
func (m *mailServer) serve(conn *tls.Conn) error {
	in := bufio.NewReader(conn)
	greeting := "220 ready"
	if m.on(greylists, m.address) {
		greeting = "421 4.7.0 try again later"
	}
	if _, err := fmt.Fprintf(conn, "%s\r\n", greeting); err != nil || greeting[0] != '2' {
		return err
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		answer, last := m.answer(strings.TrimSpace(line))
		if _, err := fmt.Fprintf(conn, "%s\r\n", answer); err != nil || last {
			return err
		}
	}
}

// answer is the reply to one command, and whether the server says no more after it.
func (m *mailServer) answer(line string) (reply string, last bool) {
	switch verb, rest, _ := strings.Cut(line, " "); strings.ToUpper(verb) {
	case "EHLO":
		return "250-mail\r\n250 AUTH PLAIN", false
	case "AUTH":
		plain, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
		parts := strings.Split(string(plain), "\x00")
		if err != nil || len(parts) != 3 {
			return "501 5.5.2 malformed", false
		}
		return m.login(parts[1], secret.New(parts[2]))
	case "QUIT":
		return "221 bye", true
	}
	return "500 5.5.1 what?", false
}

// login is the reply to a login.
func (m *mailServer) login(login string, password secret.Value) (reply string, last bool) {
	if m.limited() {
		return "421 4.7.0 too many logins", true
	}
	c := m.cells[login]
	spread := m.spread
	if m.on(slowSpread, m.address) {
		spread = max(spread, propagation*3/4)
	}
	switch {
	case m.on(refusesAll, m.address):
		return "535 5.7.8 authentication failed", false
	case m.on(blocked, m.address):
		return "554 5.7.1 your address is blocked", true
	case m.on(busy, m.address):
		return "454 4.7.0 temporary authentication failure", false
	case c == nil, m.on(mistyped, login):
		return m.variant.refusal("535 5.7.8 authentication failed"), false
	case m.on(forbidden, login):
		return m.variant.refusal("550 5.7.1 not from here"), false
	case c.visible(spread).Equal(password):
		return "235 2.7.0 welcome", false
	}
	return "535 5.7.8 authentication failed", false
}

// limited counts the logins of the last minute.
func (m *mailServer) limited() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := virtual()
	m.asked = append(m.asked, now)
	for now.Sub(m.asked[0]) >= time.Minute {
		m.asked = m.asked[1:]
	}
	limit := m.limit
	if m.on(limits, m.address) {
		limit = 5
	}
	return limit > 0 && len(m.asked) > limit
}

// told hears that people were told of a server that refuses everybody, or is well again.
func (m *mailServer) told(sick bool) {
	m.log("event: mail server %s is sick: %v", m.address, sick)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events++
}
