package devenv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Program is a running worker or scheduler.
type Program struct {
	*Process
	Addr string // host:port of /healthz, /readyz and /metrics
	Log  string // file of all that it wrote
}

// Launch says how to start a program; the zero value of all but Program is usable.
type Launch struct {
	Program string   // worker or scheduler
	Log     string   // file to which output is appended; one of its own in the stage's folder if empty
	Port    int      // of Addr; a free one if 0
	Ready   string   // path that answers HTTP 200 once it has started; /readyz if empty
	Args    []string // added to -config and -listen
}

// Launch starts a program on the stage's keyturn.yaml and waits until it is ready, which takes as long as its servers are
// away, up to the limit of Start.
func (s *Stage) Launch(ctx context.Context, l Launch) (*Program, error) {
	path, err := exec.LookPath(filepath.Join(s.Bin, l.Program))
	if err != nil {
		return nil, err
	}
	if l.Log == "" {
		file, err := os.CreateTemp(s.Dir, l.Program+"-*.log")
		if err != nil {
			return nil, err
		}
		l.Log = file.Name()
		if err := file.Close(); err != nil {
			return nil, err
		}
	}
	if l.Ready == "" {
		l.Ready = "/readyz"
	}
	process, port, err := startOnPort(ctx, l.Port, func(port int) Command {
		args := append([]string{"-config", s.Config(), "-listen", loopback(port)}, l.Args...)
		return Command{Path: path, Args: args, Env: s.Env, Log: l.Log, Probe: func(ctx context.Context, _ int) error {
			if err := ready(ctx, "http://"+loopback(port)+l.Ready); err != nil {
				return err
			}
			return started(l.Log, loopback(port))
		}}
	})
	if err != nil {
		return nil, err
	}
	return &Program{Process: process, Addr: loopback(port), Log: l.Log}, nil
}

func ready(ctx context.Context, url string) error {
	status, body, err := get(ctx, url)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("HTTP %d: %s", status, body)
	}
	return err
}

var errOther = errors.New("another process answers on its port")

// started finds the line that a program logs before it answers anything: what answers on the port may be a process that was
// given the same free one and was faster.
func started(log, addr string) error {
	text, err := os.ReadFile(log)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(text) {
		var said struct{ Msg, Listen string }
		if json.Unmarshal(line, &said) == nil && said.Msg == "started" && said.Listen == addr {
			return nil
		}
	}
	return errOther
}

// Get returns what the program answers.
func (p *Program) Get(ctx context.Context, path string) (status int, body string, err error) {
	return get(ctx, "http://"+p.Addr+path)
}

func get(ctx context.Context, url string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// Rotatectl runs rotatectl on the stage's keyturn.yaml, and returns what it wrote and its exit status. An exit status
// other than 0 is no error.
func (s *Stage) Rotatectl(ctx context.Context, input string, args ...string) (output string, status int, err error) {
	path, err := exec.LookPath(filepath.Join(s.Bin, "rotatectl"))
	if err != nil {
		return "", 0, err
	}
	cmd := exec.CommandContext(ctx, path, append([]string{"--config", s.Config()}, args...)...) //nolint:gosec // our own program
	cmd.Env = append(Environ(), s.Env...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), exit.ExitCode(), nil
	}
	return string(out), 0, err
}
