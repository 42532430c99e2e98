package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"keyturn/internal/config"
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
	write(m.t, m.dir, name, text)
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

const including = base + "include: [\"fleets/*/f*.csv\"]\n"

func line(id string) string { return id + ",tencent," + id + "@example.com," + id + "\n" }

func TestWatchFollowsWhereverAPathLeads(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		path   string // that the program was started with
		lay    func(m moves)
		change func(m moves)
		want   int // credentials after the change
	}{
		"the link to a folder is swapped and the old folder stays": {
			"current/keyturn.yaml",
			func(m moves) {
				m.file("v1/keyturn.yaml", base)
				m.file("v2/keyturn.yaml", fleet)
				m.link("v1", "current")
			},
			func(m moves) { m.link("v2", "current") }, 5,
		},
		"an absolute link further up": {
			"current/etc/keyturn.yaml",
			func(m moves) {
				m.file("v1/etc/keyturn.yaml", base)
				m.file("v2/etc/keyturn.yaml", fleet)
				m.link(m.path("v1"), "current")
			},
			func(m moves) { m.link(m.path("v2"), "current") }, 5,
		},
		"a link behind a link": {
			"current/keyturn.yaml",
			func(m moves) {
				m.file("trees/v1/keyturn.yaml", base)
				m.file("trees/v2/keyturn.yaml", fleet)
				m.link("v1", "trees/stable")
				m.link("trees/stable", "current")
			},
			func(m moves) { m.link("v2", "trees/stable") }, 5,
		},
		"the file behind a link to a file": {
			"keyturn.yaml",
			func(m moves) { m.file("git/keyturn.yaml", base); m.link("git/keyturn.yaml", "keyturn.yaml") },
			func(m moves) { m.file("git/keyturn.yaml", fleet) }, 5,
		},
		"a folder is replaced by another one": {
			"etc/keyturn/keyturn.yaml",
			func(m moves) { m.file("etc/keyturn/keyturn.yaml", base); m.file("next/keyturn/keyturn.yaml", fleet) },
			func(m moves) { m.rename("etc", "old"); m.rename("next", "etc") }, 5,
		},
		"a link on the way to included files": {
			"keyturn.yaml",
			func(m moves) {
				m.file("keyturn.yaml", including)
				m.file("v1/one/f.csv", "id,account,target,path\n"+line("a"))
				m.file("v2/one/f.csv", "id,account,target,path\n"+line("a")+line("b"))
				m.link("v1", "fleets")
			},
			func(m moves) { m.link("v2", "fleets") }, 2,
		},
		"a folder appears that a pattern matches": {
			"keyturn.yaml",
			func(m moves) {
				m.file("keyturn.yaml", including)
				m.file("fleets/one/f.csv", "id,account,target,path\n"+line("a"))
				m.file("two/f.csv", "id,account,target,path\n"+line("b"))
			},
			func(m moves) { m.rename("two", "fleets/two") }, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := moves{t, t.TempDir()}
			test.lay(m)
			cfg, err := reload(m.path(test.path))
			m.must(err)
			calls, _ := start(t, cfg)
			test.change(m)
			if o := next(t, calls); o.err != nil || o.cfg.Len() != test.want {
				t.Errorf("got %d credentials and %v, want %d", count(o.cfg), o.err, test.want)
			}
		})
	}
}

func count(cfg *config.Config) int {
	if cfg == nil {
		return -1
	}
	return cfg.Len()
}

func TestWatchSeesARepairWhereverTheBrokenConfigurationWas(t *testing.T) {
	t.Parallel()
	m := moves{t, t.TempDir()}
	m.file("v1/keyturn.yaml", base)
	m.file("v2/keyturn.yaml", base+"include: [more.csv]\n")
	m.file("v2/more.csv", "id,account,target,path\nbroken\n")
	m.link("v1", "current")
	cfg, err := reload(m.path("current/keyturn.yaml"))
	m.must(err)
	calls, _ := start(t, cfg)

	m.link("v2", "current")
	if o := next(t, calls); o.err == nil {
		t.Fatalf("a broken file brought %d credentials", o.cfg.Len())
	}
	m.file("v2/more.csv", "id,account,target,path\n"+line("a")) // a file that no configuration in force has
	if o := next(t, calls); o.err != nil || o.cfg.Len() != 1 {
		t.Errorf("after the repair: %d credentials, %v", count(o.cfg), o.err)
	}
	m.file("v1/keyturn.yaml", fleet) // of no concern any more
	m.file("v2/more.csv", "id,account,target,path\n"+line("a")+line("b"))
	if o := next(t, calls); o.err != nil || o.cfg.Len() != 2 {
		t.Errorf("after the next change: %d credentials, %v", count(o.cfg), o.err)
	}
}
