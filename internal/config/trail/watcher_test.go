package trail_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keyturn/internal/config/trail"
)

// moves are what tools that deliver files do to a folder.
type moves struct {
	t   *testing.T
	dir string
}

func (m moves) path(name string) string { return filepath.Join(m.dir, name) }

func (m moves) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m moves) file(name, text string) {
	m.t.Helper()
	m.must(os.MkdirAll(filepath.Dir(m.path(name)), 0o750))
	m.must(os.WriteFile(m.path(name), []byte(text), 0o600))
}

// link makes name a link to a path, in one step if something stands there, as git-sync and the kubelet do.
func (m moves) link(to, name string) {
	m.t.Helper()
	m.must(os.Symlink(to, m.path(name)+".new"))
	m.rename(name+".new", name)
}

func (m moves) rename(from, to string) {
	m.t.Helper()
	m.must(os.Rename(m.path(from), m.path(to)))
}

func TestAFileIsFollowedWhereverItsPathLeads(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		path   string // of a file, or a pattern
		lay    func(m moves)
		change func(m moves)
	}{
		"the link to a folder is swapped and the old folder stays": {
			"current/keyturn.yaml",
			func(m moves) {
				m.file("v1/keyturn.yaml", "one")
				m.file("v2/keyturn.yaml", "two")
				m.link("v1", "current")
			},
			func(m moves) { m.link("v2", "current") },
		},
		"an absolute link further up": {
			"current/etc/keyturn.yaml",
			func(m moves) {
				m.file("v1/etc/keyturn.yaml", "one")
				m.file("v2/etc/keyturn.yaml", "two")
				m.link(m.path("v1"), "current")
			},
			func(m moves) { m.link(m.path("v2"), "current") },
		},
		"a link behind a link": {
			"current/keyturn.yaml",
			func(m moves) {
				m.file("trees/v1/keyturn.yaml", "one")
				m.file("trees/v2/keyturn.yaml", "two")
				m.link("v1", "trees/stable")
				m.link("trees/stable", "current")
			},
			func(m moves) { m.link("v2", "trees/stable") },
		},
		"the file behind a link to a file": {
			"keyturn.yaml",
			func(m moves) { m.file("git/keyturn.yaml", "one"); m.link("git/keyturn.yaml", "keyturn.yaml") },
			func(m moves) { m.file("git/keyturn.yaml", "two") },
		},
		"a folder is replaced by another one": {
			"etc/keyturn/keyturn.yaml",
			func(m moves) { m.file("etc/keyturn/keyturn.yaml", "one"); m.file("next/keyturn/keyturn.yaml", "two") },
			func(m moves) { m.rename("etc", "old"); m.rename("next", "etc") },
		},
		"a link on the way to included files": {
			"fleets/*/f*.csv",
			func(m moves) {
				m.file("v1/one/f.csv", "one")
				m.file("v2/one/f.csv", "two")
				m.link("v1", "fleets")
			},
			func(m moves) { m.link("v2", "fleets") },
		},
		"a folder appears that a pattern matches": {
			"fleets/*/f*.csv",
			func(m moves) {
				m.file("fleets/one/f.csv", "one")
				m.file("two/f.csv", "two")
			},
			func(m moves) { m.rename("two", "fleets/two") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := moves{t, t.TempDir()}
			test.lay(m)
			w, err := trail.NewWatcher()
			m.must(err)
			path := m.path(test.path)
			files, err := filepath.Glob(path)
			m.must(err)
			var patterns []string
			if strings.Contains(path, "*") {
				patterns = append(patterns, path)
			}
			m.must(w.Follow(files, patterns))
			changed := run(t, w)
			test.change(m)
			select {
			case err := <-changed:
				m.must(err)
			case <-time.After(30 * time.Second):
				t.Error("no change is seen")
			}
		})
	}
}

// run runs w until the test ends and returns what it says.
func run(t *testing.T, w *trail.Watcher) <-chan error {
	t.Helper()
	changed, done := make(chan error, 16), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(done)
		w.Run(ctx, nil, func(err error) { changed <- err })
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return changed
}
