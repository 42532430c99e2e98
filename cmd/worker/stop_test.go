package main

import (
	"testing"
	"time"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox/core"
)

// Kubernetes gives a process 30 s, and then kills it in the middle of whatever it does.
func TestProcessesThatAreToEndDoSoThoughRedisIsDead(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("last")
	s.Configure(apptest.Settings{Patient: true})
	processes := []*apptest.Process{s.Start("worker"), s.Start("worker"), s.Start("scheduler")}
	s.Fault(c, core.Hold, hold)
	s.Ctl("rotate", c.ID)
	s.Held(c)
	if err := s.Redis.Stop(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, len(processes))
	for _, p := range processes {
		go func() { ended <- <-stop(p) }()
	}
	limit := time.After(25 * time.Second)
	for range processes {
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-limit:
			t.Fatal("a process waits for a Redis that is away")
		}
	}
	s.Box.Release("", "")
}
