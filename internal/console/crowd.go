package console

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// crowd is a listener that closes what one address has too many of, so that slow clients keep none of another address waiting.
type crowd struct {
	net.Listener
	most int
	// full hears of an address whose connections are closed, once a minute at most.
	full func(from string)

	mu   sync.Mutex
	open map[string]int
	told rate.Sometimes
}

func newCrowd(l net.Listener, most int, full func(from string)) *crowd {
	return &crowd{Listener: l, most: most, full: full, open: map[string]int{}, told: rate.Sometimes{Interval: time.Minute}}
}

// Accept implements net.Listener.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host, _, _ := net.SplitHostPort(conn.RemoteAddr().String()) // "": not of TCP
		from := neighbourhood(host)
		if c.enter(from) {
			return &visitor{Conn: conn, leave: sync.OnceFunc(func() { c.leave(from) })}, nil
		}
		_ = conn.Close()
		c.told.Do(func() { c.full(from) })
	}
}

func (c *crowd) enter(from string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[from] >= c.most {
		return false
	}
	c.open[from]++
	return true
}

func (c *crowd) leave(from string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[from]--; c.open[from] == 0 {
		delete(c.open, from)
	}
}

// neighbourhood is whom an address counts for: of IPv6 one client has a whole network of 64 bits.
func neighbourhood(address string) string {
	at, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if at = at.Unmap().WithZone(""); at.Is4() {
		return at.String()
	}
	return netip.PrefixFrom(at, 64).Masked().String()
}

// visitor is a connection that counts until it is closed.
type visitor struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (v *visitor) Close() error {
	defer v.leave()
	return v.Conn.Close()
}
