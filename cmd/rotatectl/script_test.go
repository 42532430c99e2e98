package main

import (
	"fmt"
	"testing"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox/core"
)

func TestMain(m *testing.M) { apptest.Main(m, "rotatectl", main) }

// TestScripts runs rotatectl beside a worker and a scheduler.
func TestScripts(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	taken, made := s.SES("taken", "first: manual"), s.Kirim("made", "first: manual")
	lost, idle := s.SES("lost", "first: manual"), s.SES("idle", "first: manual")
	s.Fault(lost, core.NotFound, func(f *core.Fault) { f.Count = -1 })
	s.Configure(apptest.Settings{})
	s.Start("worker")
	s.Start("scheduler")
	s.Scripts(t, "TAKEN="+taken.ID, "MADE="+made.ID, "LOST="+lost.ID, "IDLE="+idle.ID)
}

// TestFleetScripts runs rotatectl on many credentials, one of which the provider does not know.
func TestFleetScripts(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	lost := s.SES("lost", "first: manual")
	s.Fault(lost, core.NotFound, func(f *core.Fault) { f.Count = -1 })
	for n := range 110 {
		s.SES(fmt.Sprintf("c%03d", n), "first: manual")
	}
	s.Configure(apptest.Settings{Patient: true})
	s.Start("worker")
	s.Start("scheduler").Logged("index built")
	s.ScriptsIn(t, "fleet", "LOST="+lost.ID, "BEFORE="+s.Creds[100].ID)
}

// TestByWorkerScripts runs rotatectl where it has no rights in Vault.
func TestByWorkerScripts(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	lost, good := s.SES("lost", "first: manual"), s.SES("good", "first: manual")
	s.Fault(lost, core.NotFound, func(f *core.Fault) { f.Count = -1 })
	s.Configure(apptest.Settings{Patient: true})
	s.WriteFile("consent", "yes\n"+lost.ID+"\n")
	s.Start("worker")
	s.ScriptsIn(t, "byworker", "LOST="+lost.ID, "GOOD="+good.ID)
}
