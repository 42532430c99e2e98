package devenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
)

// Ports are taken from below the range in which systems place outgoing connections (from 32768 on Linux, 49152
// elsewhere). There a server that is down for a moment could lose its port to a client, even to the one that keeps
// dialling it, which would then be connected to itself.
const (
	firstPort = 20000
	lastPort  = 32000
	portTries = 50
)

// FreePort returns a loopback TCP port on which nothing listens at this moment. Another process may take it before
// the caller does: start again with another one then.
func FreePort(ctx context.Context) (int, error) {
	var last error
	for range portTries {
		n, err := rand.Int(rand.Reader, big.NewInt(lastPort-firstPort))
		if err != nil {
			return 0, err
		}
		port := firstPort + int(n.Int64())
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", loopback(port))
		if err != nil {
			last = err
			continue
		}
		return port, listener.Close()
	}
	return 0, fmt.Errorf("no free port: %w", last)
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// startOnPort starts a server on the given port, or, if it is 0, on a free one, with another try where another
// process was faster.
func startOnPort(ctx context.Context, port int, command func(port int) Command) (*Process, int, error) {
	fixed := port != 0
	for try := 1; ; try++ {
		if !fixed {
			var err error
			if port, err = FreePort(ctx); err != nil {
				return nil, 0, err
			}
		}
		process, err := Start(ctx, command(port))
		if err == nil {
			return process, port, nil
		}
		if failed := (*StartError)(nil); fixed || try == 5 || !errors.As(err, &failed) || !failed.portTaken() {
			return nil, 0, err
		}
	}
}
