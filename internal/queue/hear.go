package queue

import (
	"context"
	"errors"
	"time"

	"keyturn/internal/rotation"
)

const (
	// sweepEvery is how often a worker looks at all accounts, whatever it has heard: what a lost ring costs at most.
	sweepEvery = 30 * time.Second
	// sweepAgain is the pause after a sweep that Redis did not answer, and after a reading of the doorbell that failed.
	sweepAgain = time.Second
	// sweepMost bounds a sweep, in which Redis's client tries again for long.
	sweepMost = 10 * time.Second
)

// listen rings at the accounts that the doorbell names, until ctx ends.
func (s *Server) listen(ctx context.Context, staff *staff) {
	for ctx.Err() == nil {
		rest := gather
		err := s.hear(ctx, staff)
		if err != nil {
			rest = sweepAgain
		}
		s.late.note(ctx, partBell, err)
		_ = rotation.WallClock{}.Sleep(ctx, rest)
	}
}

// hear reads the doorbell once.
func (s *Server) hear(ctx context.Context, staff *staff) error {
	after := s.heard.Load()
	if after == nil {
		last, err := s.client.lastRing(ctx)
		if err == nil {
			s.heard.CompareAndSwap(nil, &last)
		}
		return err
	}
	rung, last, err := s.client.listen(ctx, *after)
	if err != nil {
		return err
	}
	for _, account := range rung {
		staff.ring(account)
	}
	s.heard.CompareAndSwap(after, &last) // unless a sweep was faster: it has set where to go on
	return nil
}

// sweep looks at all accounts now and then until ctx ends, so that a job whose ring was lost is late by seconds. It also
// writes asynq's list of queues, which asynq itself does once in a client's life.
func (s *Server) sweep(ctx context.Context, staff *staff) {
	for ctx.Err() == nil {
		rest := s.sweepEvery
		err := s.lookAtAll(ctx, staff)
		if err != nil {
			rest = sweepAgain
		}
		s.late.note(ctx, partSweep, err)
		_ = rotation.WallClock{}.Sleep(ctx, rest)
	}
}

// lookAtAll rings at the accounts of which anything is in Redis. It sees what any earlier ring told of, so listening goes
// on from there: after Redis lost its data, or after a failover, new rings may come before the last one that was heard.
// What goes wrong with one step keeps none of the others from being taken.
func (s *Server) lookAtAll(ctx context.Context, staff *staff) error {
	ctx, cancel := context.WithTimeout(ctx, sweepMost)
	defer cancel()
	names := staff.names()
	last, bellErr := s.client.lastRing(ctx)
	if bellErr == nil {
		s.heard.Store(&last)
	}
	publishErr := s.client.Publish(ctx, names...)
	busy, busyErr := s.client.busy(ctx, names)
	for _, name := range busy {
		staff.ring(name)
	}
	paused, pausedErr := s.client.paused(ctx, busy)
	if pausedErr == nil {
		s.paused.Store(&paused)
	}
	return errors.Join(bellErr, publishErr, busyErr, pausedErr)
}
