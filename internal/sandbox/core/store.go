package core

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// errStoreClosed says that the sandbox is shutting down.
var errStoreClosed = errors.New("state file is closed")

// minCompact is how far the state file may grow beyond its last compaction, at least.
const minCompact = 1 << 20

// stored is one line of the state file: the newest state of one thing. A line without any state removes it.
type stored struct {
	Provider string     `json:"provider,omitempty"`
	Target   string     `json:"target,omitempty"`
	Record   *Record    `json:"record,omitempty"`
	Contact  *Contact   `json:"contact,omitempty"`
	CA       *authority `json:"ca,omitempty"`
}

func (s stored) key() string   { return s.Provider + "\x00" + s.Target }
func (s stored) removes() bool { return s.Record == nil && s.Contact == nil && s.CA == nil }

// store is the state file: a log of JSON lines in which the last line of a key counts. One goroutine writes, and one
// fsync serves all the callers that waited for the one before, so that thousands of changes a second share the disk.
// A nil store keeps nothing.
type store struct {
	path   string
	writes chan write
	stop   chan struct{} // closed to end the writer
	done   chan struct{} // closed when the writer has ended

	lines map[string][]byte // the newest line of each key; the writer's own
	file  *os.File
	size  int64 // of the file
	base  int64 // its size after the last compaction
}

// write is one caller's lines and where it waits.
type write struct {
	items []stored
	err   chan error
}

// openStore reads the state file, which may not exist yet, rewrites it without what has been superseded, and returns
// what it holds. A torn last line is dropped: its caller never got a reply.
func openStore(path string) (*store, []stored, error) {
	s := &store{path: path, writes: make(chan write), stop: make(chan struct{}), done: make(chan struct{}), lines: map[string][]byte{}}
	items, err := s.load()
	if err != nil {
		return nil, nil, err
	}
	if err := s.compact(); err != nil {
		return nil, nil, err
	}
	go s.run()
	return s, items, nil
}

func (s *store) load() ([]stored, error) {
	data, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	newest := map[string]stored{}
	for n := 1; len(data) > 0; n++ {
		line, rest, whole := bytes.Cut(data, []byte{'\n'})
		data = rest
		var item stored
		if err := json.Unmarshal(line, &item); err != nil {
			if !whole {
				break
			}
			return nil, fmt.Errorf("%s:%d: no line of a state file: %w", s.path, n, err)
		}
		if item.removes() {
			delete(newest, item.key())
			delete(s.lines, item.key())
			continue
		}
		newest[item.key()] = item
		s.lines[item.key()] = append(bytes.Clone(line), '\n')
	}
	items := make([]stored, 0, len(newest))
	for _, item := range newest {
		items = append(items, item)
	}
	return items, nil
}

// put returns when the items are on the disk.
func (s *store) put(items ...stored) error {
	if s == nil || len(items) == 0 {
		return nil
	}
	w := write{items: items, err: make(chan error, 1)}
	select {
	case s.writes <- w:
		return <-w.err
	case <-s.done:
		return errStoreClosed
	}
}

func (s *store) close() {
	if s == nil {
		return
	}
	close(s.stop)
	<-s.done
}

func (s *store) run() {
	defer close(s.done)
	defer func() { _ = s.file.Close() }() // every line was synced
	for {
		select {
		case <-s.stop:
			return
		case w := <-s.writes:
			s.commit(s.gather(w))
		}
	}
}

// gather takes what other callers are waiting with.
func (s *store) gather(first write) []write {
	batch := []write{first}
	for {
		select {
		case w := <-s.writes:
			batch = append(batch, w)
		default:
			return batch
		}
	}
}

func (s *store) commit(batch []write) {
	var buf bytes.Buffer
	var err error
	for _, w := range batch {
		for _, item := range w.items {
			line, e := json.Marshal(item)
			err = errors.Join(err, e)
			line = append(line, '\n')
			buf.Write(line)
			if item.removes() {
				delete(s.lines, item.key())
			} else {
				s.lines[item.key()] = line
			}
		}
	}
	if err == nil {
		_, err = s.file.Write(buf.Bytes())
	}
	if err == nil {
		err = s.file.Sync()
	}
	s.size += int64(buf.Len())
	if err == nil && s.size > 4*s.base+minCompact {
		err = s.compact()
	}
	for _, w := range batch {
		w.err <- err
	}
}

// compact replaces the file by one that holds each key once, and goes on appending to that.
func (s *store) compact() error {
	file, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".*")
	if err != nil {
		return err
	}
	if err := s.replace(file); err != nil {
		return errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	if s.file != nil {
		_ = s.file.Close() // superseded
	}
	s.file = file
	return nil
}

func (s *store) replace(file *os.File) error {
	out := bufio.NewWriter(file)
	var size int64
	for _, line := range s.lines {
		size += int64(len(line))
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	if err := errors.Join(out.Flush(), file.Sync(), os.Rename(file.Name(), s.path)); err != nil {
		return err
	}
	s.size, s.base = size, size
	return syncDir(filepath.Dir(s.path))
}

// syncDir makes a rename last.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
