package console_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/internal/console"
)

// dialer dials from an address of this machine.
func dialer(from string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
}

// serving is a console that serves.
func serving(t *testing.T, r *rig) (address string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, quit := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = r.Serve(ctx, l) })
	t.Cleanup(func() {
		quit()
		done.Wait()
	})
	return l.Addr().String()
}

// comers is a listener that connections come to from the addresses that it is told.
type comers struct {
	net.Listener
	from []string
}

func (c *comers) Accept() (net.Conn, error) {
	if len(c.from) == 0 {
		return nil, net.ErrClosed
	}
	next := &comer{from: c.from[0]}
	c.from = c.from[1:]
	next.Conn, next.other = net.Pipe()
	return next, nil
}

type comer struct {
	net.Conn
	other net.Conn
	from  string
}

func (c *comer) RemoteAddr() net.Addr { return c }
func (c *comer) Network() string      { return "tcp" }
func (c *comer) String() string       { return c.from }

func TestWhatOneAddressHasTooManyOfIsClosedAndOthersAreLetIn(t *testing.T) {
	t.Parallel()
	for name, from := range map[string][]string{
		"an address": {"192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:3", "192.0.2.2:1"}, "an address within IPv6": {"[::ffff:192.0.2.1]:1", "192.0.2.1:2", "[::ffff:192.0.2.1]:3", "[::ffff:192.0.2.2]:1"},
		"a network": {"[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3:0:0:1]:1", "[2001:db8:0:1::1]:1"}, "a link": {"[fe80::1%eth0]:1", "[fe80::2%eth0]:1", "[fe80::3%eth1]:1", "[2001:db8::1]:1"},
		"no address": {"@", "@", "@", "192.0.2.1:1"},
	} {
		all := &comers{from: append(from, from[0])}
		told := 0
		l := console.Crowd(all, 2, func(string) { told++ })
		var in []string
		var conns []net.Conn
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			in = append(in, conn.RemoteAddr().String())
			if conns = append(conns, conn); len(conns) == 3 { // two of the crowd, and the other one
				_ = conns[0].Close()
				_ = conns[0].Close() // which a server may do twice
			}
		}
		if want := []string{from[0], from[1], from[3], from[0]}; !slices.Equal(in, want) {
			t.Errorf("%s: %q are let in, want %q", name, in, want)
		}
		if told != 1 {
			t.Errorf("%s: it is told %d times that some are closed", name, told)
		}
	}
}

func TestTenThousandSlowClientsKeepOthersNotWaiting(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	address := serving(t, r)
	const slow, begins = 10_000, "GET /login HTTP/1.1\r\nHost: "
	closed := make(chan struct{}, slow)
	for range slow {
		conn, err := dialer("127.0.0.1").DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte(begins)) // of what follows, nothing comes
		go func() {
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
			closed <- struct{}{}
		}()
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer("127.0.0.2").DialContext, DisableKeepAlives: true}, Timeout: 30 * time.Second}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/login", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = r.URL.Host
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(res.Body)
	if _ = res.Body.Close(); err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(page), "Log in") {
		t.Errorf("%d %v %s", res.StatusCode, err, page)
	}
	for range slow { // those that were let in are sent away as well
		<-closed
	}
}
