package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// stamp is which commit is built.
type stamp struct {
	version  string // the tag of the commit, else the nearest one with the distance to it, else the commit
	revision string
	date     time.Time // of the commit
	dirty    bool
}

// readStamp asks git.
func readStamp(ctx context.Context, root string) (stamp, error) {
	// Left to itself, git shortens a commit by how many objects a clone happens to have.
	version, err := git(ctx, root, "describe", "--tags", "--always", "--abbrev=12", "--match", "v*")
	if err != nil {
		return stamp{}, err
	}
	log, err := git(ctx, root, "log", "-1", "--format=%H %ct")
	if err != nil {
		return stamp{}, err
	}
	changed, err := git(ctx, root, "status", "--porcelain")
	if err != nil {
		return stamp{}, err
	}
	s := stamp{version: version, dirty: changed != ""}
	var seconds int64
	if _, err := fmt.Sscan(log, &s.revision, &seconds); err != nil {
		return stamp{}, fmt.Errorf("git log: %q: %w", log, err)
	}
	s.date = time.Unix(seconds, 0).UTC()
	if s.dirty {
		s.version, s.revision = s.version+"-dirty", s.revision+"+dirty"
	}
	return s, nil
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // our own arguments
	cmd.Dir = root
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("git %s: %s", args[0], bytes.TrimSpace(exit.Stderr))
	}
	return strings.TrimSpace(string(out)), err
}

// build makes the programs of these packages for one platform and returns their files.
func (r release) build(ctx context.Context, s stamp, platform, folder string, packages ...string) ([]string, error) {
	goos, goarch, _ := strings.Cut(platform, "/")
	var files []string
	for _, pkg := range packages {
		file := filepath.Join(folder, path.Base(pkg))
		const stamped = "keyturn/internal/version."
		flags := fmt.Sprintf("-s -w -buildid= -X %sversion=%s -X %srevision=%s -X %sdate=%s",
			stamped, s.version, stamped, s.revision, stamped, s.date.Format(time.RFC3339))
		// Nothing of the machine may enter: no paths, no answer of git but the stamp, no C, no flags of the environment.
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", file, pkg) //nolint:gosec // the flags are a stamp
		cmd.Dir = r.root
		cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0", "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s for %s: %w\n%s", path.Base(pkg), platform, err, out)
		}
		files = append(files, file)
	}
	return files, nil
}

// shells are those that rotatectl completes commands for, and that Debian has a folder for.
var shells = []string{"bash", "fish", "zsh"}

// completions has rotatectl, built for this machine, write its completions, and returns their files: bash, fish, zsh.
func (r release) completions(ctx context.Context, s stamp, work string) ([]string, error) {
	if !slices.Contains(r.programs, "rotatectl") {
		return nil, nil
	}
	folder := filepath.Join(work, "completions")
	programs, err := r.build(ctx, s, runtime.GOOS+"/"+runtime.GOARCH, folder, "./cmd/rotatectl")
	if err != nil {
		return nil, err
	}
	var files []string
	for _, shell := range shells {
		script, err := exec.CommandContext(ctx, programs[0], "completion", shell).Output() //nolint:gosec // our own program
		if err != nil {
			return nil, fmt.Errorf("rotatectl completion %s: %w", shell, err)
		}
		file := filepath.Join(folder, shell)
		if err := os.WriteFile(file, script, 0o600); err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}
