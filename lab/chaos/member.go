package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"keyturn/internal/devenv"
)

// member is one of keyturn's processes, through all its lives.
type member struct {
	stage         *stage
	name, program string
	port          int // its own for all its lives, so that none takes a port of a server that is down for a moment

	// busy is held by what acts on the process: a paused one is not killed, a dead one is not paused.
	busy sync.Mutex

	mu      sync.Mutex
	process *devenv.Program
}

func (m *member) running() *devenv.Program {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.process
}

// start starts the process and waits until it says that it is ready, which takes as long as its servers are away. Like
// any supervisor, it starts one again that gave up before.
func (m *member) start(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	for {
		process, err := m.launch(limited)
		if err == nil {
			m.mu.Lock()
			m.process = process
			m.mu.Unlock()
			m.stage.timeline.note("%s runs as process %d", m.name, process.PID())
			return nil
		}
		m.stage.timeline.note("%s did not start: %v", m.name, err)
		if devenv.Pause(limited, 500*time.Millisecond) != nil {
			return err
		}
	}
}

func (m *member) launch(ctx context.Context) (*devenv.Program, error) {
	return m.stage.Launch(ctx, devenv.Launch{
		Program: m.program, Port: m.port, Log: filepath.Join(m.stage.Dir, m.name+".log"), Args: []string{"-log-level", "debug"},
	})
}

// errDied is a process that ended though the stage had not ended it.
var errDied = errors.New("ended by itself")

// alive returns an error if the process has ended though nothing is being done to it.
func (m *member) alive() error {
	if !m.busy.TryLock() {
		return nil
	}
	defer m.busy.Unlock()
	select {
	case <-m.running().Done():
		return fmt.Errorf("%s: %w", m.name, errDied)
	default:
		return nil
	}
}

func (m *member) stop() error {
	if p := m.running(); p != nil {
		return p.Stop()
	}
	return nil
}

// take locks the first of the members from number who on that is not busy, or waits for that number.
func take(members []*member, who int) *member {
	for i := range members {
		if m := members[(who+i)%len(members)]; m.busy.TryLock() {
			return m
		}
	}
	m := members[who%len(members)]
	m.busy.Lock()
	return m
}
