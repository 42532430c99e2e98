package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// patch is one way to break keyturn.
type patch struct {
	name    string // its file, below the folder of patches and without its ending
	file    string
	breaks  string // what holds no more
	changes string // the file, below the root of the repository; or severalFiles
	// tests are the arguments of `go test` that must fail: a package, and what narrows its tests down.
	tests string
	// noticed is the test that noticed it the last time and is asked first; "": none is known.
	noticed string
}

// severalFiles are more than the fast way can try: no file has such a name.
const severalFiles = "/"

// load reads all patches below dir whose name is wanted, those of each package spread over the whole: some packages' tests wait for
// a server while those of another compute.
func load(dir string, wanted *regexp.Regexp) (all []patch, err error) {
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		name, found := strings.CutSuffix(file, ".patch")
		if err != nil || d.IsDir() || !found {
			return err
		}
		if name, err = filepath.Rel(dir, name); err != nil || !wanted.MatchString(name) {
			return err
		}
		p, err := read(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		p.name = filepath.ToSlash(name)
		all = append(all, p)
		return nil
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no patch of %s matches %q", dir, wanted)
	}
	return spread(all), err
}

func spread(patches []patch) []patch {
	packages := map[string]int{}
	at := map[string]float64{}
	for _, p := range patches {
		packages[path.Dir(p.name)]++
	}
	before := map[string]int{}
	for _, p := range patches {
		dir := path.Dir(p.name)
		at[p.name] = (float64(before[dir]) + 0.5) / float64(packages[dir])
		before[dir]++
	}
	slices.SortStableFunc(patches, func(a, b patch) int { return cmp.Compare(at[a.name], at[b.name]) })
	return patches
}

// read reads the lines before the diff, each of which begins with its name.
func read(file string) (patch, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return patch{}, err
	}
	p := patch{file: file}
	head, diff, found := strings.Cut(string(text), "\n--- a/")
	if p.changes, _, _ = strings.Cut(diff, "\n"); strings.Contains(diff, "\n--- a/") {
		p.changes = severalFiles
	}
	for line := range strings.Lines(head) {
		line = strings.TrimSpace(line)
		if breaks, ok := strings.CutPrefix(line, "Breaks: "); ok {
			p.breaks = breaks
		}
		if tests, ok := strings.CutPrefix(line, "Test: "); ok {
			p.tests = tests
		}
		if noticed, ok := strings.CutPrefix(line, "Noticed by: "); ok {
			p.noticed = noticed
		}
	}
	if !found || p.breaks == "" || p.tests == "" {
		return p, errors.New("needs a line `Breaks: what holds no more`, a line `Test: ./package and flags of go test`, and a diff")
	}
	return p, nil
}

// asks returns the arguments of `go test` that are tried: all tests of a package can take a minute, the one that noticed the
// patch the last time does not.
func (p *patch) asks() string {
	if p.noticed == "" {
		return p.tests
	}
	rest, _ := apart(p.tests, "-run")
	rest, _ = apart(rest, "-skip") // which leaves out others
	return rest + " -run ^" + p.noticed + "$"
}

// apart takes a flag of `go test` and its value, "" if it is not there, out of arguments.
func apart(args, flag string) (rest, value string) {
	words := strings.Fields(args)
	if i := slices.Index(words, flag); i >= 0 && i+1 < len(words) {
		value = words[i+1]
		words = slices.Delete(words, i, i+2)
	}
	return strings.Join(words, " "), value
}

// together returns the arguments of `go test` that run the tests of all patches, each once: what the patches of a package
// name by -run is one run.
func together(patches []patch) []string {
	named, all := map[string][]string{}, map[string]bool{}
	for _, p := range patches {
		tests, _ := apart(p.asks(), "-timeout") // which is for one patch
		if rest, names := apart(tests, "-run"); names != "" {
			named[rest] = append(named[rest], names)
		} else {
			all[tests] = true
		}
	}
	for pkg, names := range named {
		slices.Sort(names)
		all[pkg+" -run "+strings.Join(slices.Compact(names), "|")] = true
	}
	return slices.Sorted(maps.Keys(all))
}
