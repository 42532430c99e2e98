package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"keyturn/internal/devenv"
)

// What a server does to clients though it is up.

// flush empties Redis.
func (s *stage) flush(ctx context.Context) error {
	lock := s.wires.busy["redis"]
	lock.Lock()
	defer lock.Unlock()
	return s.tell(ctx, "FLUSHALL")
}

// instruct tells Redis something, and the contrary after a while.
func (s *stage) instruct(ctx context.Context, e event, begin, end string) error {
	lock := s.wires.busy["redis"]
	lock.Lock()
	defer lock.Unlock()
	defer s.away.begin()()
	if err := s.tell(ctx, begin); err != nil {
		return err
	}
	return errors.Join(devenv.Pause(ctx, e.For), s.tell(context.WithoutCancel(ctx), end))
}

// tell sends Redis a command, past the proxy.
func (s *stage) tell(ctx context.Context, command string) error {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", s.Redis.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, command+"\r\n"); err != nil {
		return err
	}
	answer := make([]byte, len("+OK"))
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "+OK" {
		return errors.Join(err, fmt.Errorf("redis answers %q to %s", answer, command))
	}
	return nil
}

// lag makes Vault's standby lag for a while.
func (s *stage) lag(ctx context.Context, e event) error {
	lock := s.wires.busy["vault"]
	lock.Lock()
	defer lock.Unlock()
	defer s.away.begin()()
	s.front.standby.Lag(lagLasts)
	defer s.front.standby.Lag(0)
	return devenv.Pause(ctx, e.For)
}
