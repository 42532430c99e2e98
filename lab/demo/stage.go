package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"
	"text/template"

	"keyturn/internal/devenv"
)

//go:embed keyturn.yaml.tmpl
var configText string

var configTemplate = template.Must(template.New("keyturn.yaml").Parse(configText))

// stage is everything that runs.
type stage struct {
	*devenv.Stage
	fleet     []devenv.Credential
	workers   []*devenv.Program
	scheduler []*devenv.Program
	console   site
	killed    int
}

// keys are the sandbox's own management keys; there is nothing to hide about them.
var keys = []string{
	"DEMO_TENCENT_ID=testid", "DEMO_TENCENT_KEY=testsecret", "DEMO_KIRIM_USER=api", "DEMO_KIRIM_TOKEN=test-token",
	"DEMO_ALIBABA_ID=testid", "DEMO_ALIBABA_KEY=testsecret", "DEMO_ENOM_ID=resellid", "DEMO_ENOM_TOKEN=resellpw",
}

// raise starts everything, the servers first. What was started is ended again if anything fails.
func raise(ctx context.Context, dir string, fleet []devenv.Credential) (s *stage, err error) {
	s = &stage{Stage: &devenv.Stage{Dir: dir, Env: keys}, fleet: fleet, console: newSite()}
	fmt.Println("demo: building keyturn's programs, starting Redis, Vault (the first time it is built, which takes minutes) and the sandbox")
	err = s.Raise(ctx, devenv.StageOptions{Redis: &devenv.RedisOptions{Dir: filepath.Join(dir, "redis")}, Sandbox: []string{
		"-rate", "tencent-ses=100/s", "-rate", "kirimemail=100/s", "-rate", "alibaba-directmail=100/s", "-rate", "enom=100/s",
	}})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.strike())
		}
	}()
	if err := s.Box.Know(ctx, fleet...); err != nil {
		return s, err
	}
	if err := s.Configure(configTemplate, s); err != nil {
		return s, err
	}
	fmt.Println("demo: starting one scheduler, two workers and the console")
	if err := s.startFleet(ctx); err != nil {
		return s, err
	}
	return s, s.openConsole(ctx)
}

// Credentials are those of the configuration.
func (s *stage) Credentials() []devenv.Credential { return s.fleet }

// startFleet starts keyturn itself.
func (s *stage) startFleet(ctx context.Context) error {
	for range 2 {
		if err := s.startWorker(ctx); err != nil {
			return err
		}
	}
	scheduler, err := s.Launch(ctx, devenv.Launch{Program: "scheduler"})
	if err == nil {
		s.scheduler = append(s.scheduler, scheduler)
	}
	return err
}

func (s *stage) startWorker(ctx context.Context) error {
	w, err := s.Launch(ctx, devenv.Launch{Program: "worker"})
	if err == nil {
		s.workers = append(s.workers, w)
	}
	return err
}

// stopFleet stops keyturn and leaves the servers: the scheduler first, and the workers once they have done what was asked
// for, because one that is stopped in the middle of a rotation leaves it to the next one.
func (s *stage) stopFleet(ctx context.Context) error {
	err := stop(s.scheduler)
	s.scheduler = nil
	return errors.Join(err, s.settle(ctx), s.dismiss())
}

// dismiss ends what still runs of keyturn.
func (s *stage) dismiss() error {
	err := stop(append(s.scheduler, s.workers...))
	s.scheduler, s.workers = nil, nil
	return err
}

func stop(programs []*devenv.Program) error {
	var problems []error
	for _, p := range programs {
		problems = append(problems, p.Stop())
	}
	return errors.Join(problems...)
}

// strike ends everything, keyturn first.
func (s *stage) strike() error { return errors.Join(s.closeConsole(), s.dismiss(), s.Strike()) }
