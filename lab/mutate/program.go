package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// program is what the test program of a package is linked of, as `go list` has it built from the sources without a patch. To try a
// patch, only the package that it changes is compiled: to compile all that import it as well would take three times as long. What they
// were compiled to fits as long as the package exports the same, on the same lines; the linker refuses it otherwise.
type program struct {
	pkg   string // as go test is told of it: ./internal/x
	parts []part // the last one is its main
}

// part is what `go list` tells of a package.
type part struct {
	ImportPath    string
	Dir           string // of the tree that was asked: made relative to it
	Export        string // the archive
	GoFiles       []string
	EmbedFiles    []string
	EmbedPatterns []string
	Deps          []string
	Module        *struct{ GoVersion string }
}

// errElsewhere says that a patch changes something else than one package of the program, or what others see of it.
var errElsewhere = errors.New("more than one package has to be compiled")

// programs are those that were listed, by package.
type programs struct{ all sync.Map }

// of returns the program of a package. The tree must have no patch.
func (p *programs) of(ctx context.Context, t tree, pkg string) (*program, error) {
	once, _ := p.all.LoadOrStore(pkg, sync.OnceValues(func() (*program, error) { return t.list(ctx, pkg) }))
	return once.(func() (*program, error))() //nolint:forcetypeassert // nothing else is stored
}

// list has the test program of a package built, and returns what it is linked of.
func (t tree) list(ctx context.Context, pkg string) (*program, error) {
	cmd := t.command(ctx, "list", "-test", "-deps", "-export",
		"-json=ImportPath,Dir,Export,GoFiles,EmbedFiles,EmbedPatterns,Deps,Module", pkg)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w: %s", pkg, err, bytes.TrimSpace(said.Bytes()))
	}
	p := &program{pkg: pkg}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var next part
		if err := decoder.Decode(&next); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list %s: %w", pkg, err)
		}
		if below, err := filepath.Rel(string(t), next.Dir); err == nil {
			next.Dir = below
		}
		p.parts = append(p.parts, next)
	}
	main := p.parts[len(p.parts)-1]
	// Beside the package as its tests see it stands the package as others do.
	p.parts = slices.DeleteFunc(p.parts, func(q part) bool {
		return q.ImportPath != main.ImportPath && !slices.Contains(main.Deps, q.ImportPath)
	})
	return p, nil
}

// path is how others import it: of a package that is compiled for the tests of one, go list says which.
func (q *part) path() string {
	plain, _, _ := strings.Cut(q.ImportPath, " ")
	return plain
}

// build compiles the package that a changed file belongs to and links the program; with no changed file, "", it only links.
func (p *program) build(ctx context.Context, t tree, changed, to string) error {
	if changed == "" {
		return p.link(ctx, t, nil, "", to)
	}
	i := slices.IndexFunc(p.parts, func(q part) bool {
		below, err := filepath.Rel(q.Dir, changed)
		return err == nil && (slices.Contains(q.GoFiles, below) || slices.Contains(q.EmbedFiles, below))
	})
	if i < 0 {
		return errElsewhere
	}
	dir, err := os.MkdirTemp(filepath.Dir(to), "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	archive := filepath.Join(dir, "changed.a")
	if err := p.compile(ctx, t, &p.parts[i], dir, archive); err != nil {
		return err
	}
	return p.link(ctx, t, &p.parts[i], archive, to)
}

// link links the program with what a part was compiled to.
func (p *program) link(ctx context.Context, t tree, changed *part, archive, to string) error {
	imports := to + ".imports"
	if err := p.importing(imports, changed, archive); err != nil {
		return err
	}
	main := &p.parts[len(p.parts)-1]
	link := t.command(ctx, "tool", "link", "-o", to, "-importcfg", imports, "-s", "-w", "-buildmode=exe", "-X=testing.testBinary=1", main.Export)
	if out, err := link.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %w: %s", errElsewhere, err, out)
	}
	return nil
}

// compile compiles a package as go build would.
func (p *program) compile(ctx context.Context, t tree, q *part, dir, archive string) error {
	imports := filepath.Join(dir, "compile")
	if err := p.importing(imports, nil, ""); err != nil {
		return err
	}
	from := filepath.Join(string(t), q.Dir)
	args := append([]string{
		"tool", "compile", "-o", archive, "-p", q.path(), "-pack", "-importcfg", imports, "-trimpath", from + "=>" + q.path(),
		"-lang", version.Lang("go" + q.Module.GoVersion),
	}, fast...)
	if len(q.EmbedFiles) > 0 {
		embedded := filepath.Join(dir, "embed")
		if err := q.embedding(embedded, from); err != nil {
			return err
		}
		args = append(args, "-embedcfg", embedded)
	}
	for _, file := range q.GoFiles {
		args = append(args, "./"+file)
	}
	cmd := t.command(ctx, args...)
	cmd.Dir = from
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %w: %s", errBuild, err, out)
	}
	return nil
}

// importing writes which archive is imported for which path.
func (p *program) importing(file string, changed *part, archive string) error {
	var text strings.Builder
	for i := range p.parts {
		q := &p.parts[i]
		from := q.Export
		if q == changed {
			from = archive
		}
		if from != "" {
			fmt.Fprintf(&text, "packagefile %s=%s\n", q.path(), from)
		}
	}
	return os.WriteFile(file, []byte(text.String()), 0o600)
}

// embedding writes which files the package's patterns stand for.
func (q *part) embedding(file, from string) error {
	embed := struct {
		Patterns map[string][]string
		Files    map[string]string
	}{map[string][]string{}, map[string]string{}}
	for _, name := range q.EmbedFiles {
		embed.Files[name] = filepath.Join(from, name)
		for _, pattern := range q.EmbedPatterns {
			if fits, _ := path.Match(pattern, name); fits || strings.HasPrefix(name, pattern+"/") {
				embed.Patterns[pattern] = append(embed.Patterns[pattern], name)
			}
		}
	}
	text, err := json.Marshal(embed)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}
