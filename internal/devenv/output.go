package devenv

import (
	"bytes"
	"io"
	"sync"
)

// tailSize is how much of a process's last output an error shows.
const tailSize = 4 << 10

// output takes what a process writes: to the log, to the tail that errors show, and, from standard output, the first
// line of JSON to ready.
type output struct {
	ready chan []byte // holds at most the one ready line

	mu   sync.Mutex
	log  io.Writer
	tail []byte
}

func newOutput(log io.Writer) *output {
	return &output{log: log, ready: make(chan []byte, 1)}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tail = append(o.tail, p...)
	if extra := len(o.tail) - tailSize; extra > 0 {
		o.tail = append(o.tail[:0], o.tail[extra:]...)
	}
	return o.log.Write(p)
}

func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(bytes.TrimSpace(o.tail))
}

// stdout is the writer for standard output. os/exec uses it from one goroutine.
func (o *output) stdout() io.Writer { return &readyScanner{output: o} }

// readyScanner looks for the ready line on its way to the output.
type readyScanner struct {
	*output
	line  []byte
	found bool
}

func (s *readyScanner) Write(p []byte) (int, error) {
	rest := p
	for !s.found && len(rest) > 0 {
		head, tail, whole := bytes.Cut(rest, []byte{'\n'})
		s.line = append(s.line, head...)
		rest = tail
		if !whole {
			break
		}
		if bytes.HasPrefix(s.line, []byte{'{'}) {
			s.found = true
			s.ready <- s.line
			break
		}
		s.line = s.line[:0]
	}
	return s.output.Write(p)
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
