package main

import (
	"testing"

	"keyturn/internal/sandbox"
	"keyturn/internal/wiring/wiringtest"
)

func TestMain(m *testing.M) { wiringtest.Main(m, "rotatectl", main) }

// TestScripts runs rotatectl beside a worker and a scheduler.
func TestScripts(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	taken, made := s.SES("taken", "first: manual"), s.Kirim("made", "first: manual")
	lost, idle := s.SES("lost", "first: manual"), s.SES("idle", "first: manual")
	s.Fault(lost, sandbox.NotFound, func(f *sandbox.Fault) { f.Count = -1 })
	s.Configure(wiringtest.Settings{})
	s.Start("worker")
	s.Start("scheduler")
	s.Scripts(t, "TAKEN="+taken.ID, "MADE="+made.ID, "LOST="+lost.ID, "IDLE="+idle.ID)
}
