package trail

import (
	"os"
	"path/filepath"
	"strings"
)

// trail is every name that paths lead through: folders, links, and what links point to. A
// deployment may swap any of them: a file, the link to a folder whose old target stays (git-sync), the link behind the
// links to the files (a ConfigMap), a whole folder.
type trail map[string]*stretch // by the real path of a folder

// stretch is one folder on a trail.
type stretch struct {
	needed bool // it has a file or a link of ours, so it is an error if it cannot be watched
	names  map[step]bool
}

// step is a name in a folder, or a pattern of names.
type step struct {
	name string
	glob bool
}

// maxLinks ends a circle of links.
const maxLinks = 64

// add goes along a path, of which each part may be a pattern with glob.
func (t trail) add(path string, glob bool) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	return t.walk(root, steps(path, glob), maxLinks)
}

const root = string(filepath.Separator)

func steps(path string, glob bool) []step {
	var all []step
	for name := range strings.SplitSeq(path, root) {
		if name != "" && name != "." {
			all = append(all, step{name: name, glob: glob && strings.ContainsAny(name, `*?[\`)})
		}
	}
	return all
}

// walk notes each step that leads on from a real folder. It ends where nothing stands yet, or nothing can be read.
func (t trail) walk(folder string, rest []step, links int) error {
	for n, s := range rest {
		if s.name == ".." {
			folder = filepath.Dir(folder)
			continue
		}
		rest := rest[n+1:]
		t.note(folder, s, s.glob || len(rest) == 0)
		if s.glob {
			return t.matching(folder, s.name, rest, links)
		}
		path := filepath.Join(folder, s.name)
		to, err := os.Readlink(path)
		if err != nil {
			folder = path // no link, or nothing at all
			continue
		}
		t.note(folder, s, true)
		if links == 0 {
			return nil // a circle: reading the file fails and says so
		}
		if filepath.IsAbs(to) {
			folder = root
		}
		return t.walk(folder, append(steps(to, false), rest...), links-1)
	}
	return nil
}

// matching goes on from everything in a folder that a pattern matches.
func (t trail) matching(folder, pattern string, rest []step, links int) error {
	if len(rest) == 0 {
		return nil // files: those that are there are followed by their own paths
	}
	found, err := os.ReadDir(folder)
	if err != nil {
		return nil //nolint:nilerr // it may appear later; what is needed of it now, reading the files asks for
	}
	for _, entry := range found {
		switch match, err := filepath.Match(pattern, entry.Name()); {
		case err != nil:
			return err
		case match:
			if err := t.walk(folder, append([]step{{name: entry.Name()}}, rest...), links); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t trail) note(folder string, s step, needed bool) {
	at := t[folder]
	if at == nil {
		at = &stretch{names: map[step]bool{}}
		t[folder] = at
	}
	at.names[s] = true
	at.needed = at.needed || needed
}

// has reports whether a path, whose folder is a real one, is on the trail.
func (t trail) has(path string) bool {
	at := t[filepath.Dir(path)]
	if at == nil {
		return false
	}
	name := filepath.Base(path)
	for s := range at.names {
		if !s.glob && s.name == name {
			return true
		}
		if match, err := filepath.Match(s.name, name); s.glob && match && err == nil {
			return true
		}
	}
	return false
}
