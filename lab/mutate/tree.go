package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// tree is a copy of the sources, to be broken and mended.
type tree string

// plant copies to dir what a commit of everything in root would hold, in the state that it has now.
func plant(ctx context.Context, root string, dir tree) error {
	list := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	names, err := list.Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		switch err := copyFile(filepath.Join(root, name), filepath.Join(string(dir), name)); {
		case errors.Is(err, fs.ErrNotExist): // deleted, and not committed yet
		case err != nil:
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.WriteFile(to, text, info.Mode().Perm())
}

// apply has git apply a patch; with "--reverse" it mends what the patch broke.
func (t tree) apply(ctx context.Context, file string, flags ...string) error {
	cmd := exec.CommandContext(ctx, "git", append(append([]string{"apply"}, flags...), file)...) //nolint:gosec // our own patches
	cmd.Dir = string(t)
	// Below another repository git would take the paths for that one's, and skip them all.
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(string(t)))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
