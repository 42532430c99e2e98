package redisx_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/redisx"
)

// A proxy before a Redis that is away takes connections and closes them. One that was made then is dead for good.
func TestACommandDoesNotWaitOnAConnectionThatAProxyClosed(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	upstream := devenvtest.Redis(t).Addr
	go func() {
		for n := 0; ; n++ {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			if n < 3 {
				_ = client.Close()
				continue
			}
			server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", upstream)
			if err != nil {
				_ = client.Close()
				continue
			}
			go forward(server, client)
			go forward(client, server)
		}
	}()
	rdb, err := redisx.Dial(redisx.Config{Addresses: []string{listener.Addr().String()}})
	must(t, err)
	t.Cleanup(func() { _ = rdb.Close() })
	// A handshake that was repeated on the dead connection would take some 20 s.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := rdb.Ping(ctx).Err(); err != nil {
		t.Error(err)
	}
}

func forward(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
}
