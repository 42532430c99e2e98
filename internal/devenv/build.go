package devenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// errNoSource means that the program runs outside keyturn's source tree.
var errNoSource = errors.New("run this inside keyturn's source tree: its go.mod was not found in this folder or above")

// Root is the folder of keyturn's main module, found from the working folder upwards.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(data, []byte("module keyturn\n")) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errNoSource
		}
		dir = parent
	}
}

// Build compiles main packages of the main module, such as ./cmd/..., into dir, each under the name of its folder.
func Build(ctx context.Context, dir string, packages ...string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // programs, for everybody to run
		return err
	}
	return goBuild(ctx, root, append([]string{"-o", dir + string(filepath.Separator)}, packages...)...)
}

// BuildAhead compiles a main package of the main module into a program whose clock is ahead by d.
func BuildAhead(ctx context.Context, program, pkg string, d time.Duration) error {
	root, err := Root()
	if err != nil {
		return err
	}
	return goBuild(ctx, root, "-ldflags", "-X keyturn/internal/rotation.ahead="+d.String(), "-o", program, pkg)
}

func goBuild(ctx context.Context, dir string, args ...string) error {
	_, err := outputOf(goCommand(ctx, dir, append([]string{"build", "-buildvcs=false"}, args...)...))
	return err
}

func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // our own arguments
	cmd.Dir = dir
	// Without cgo: a machine without a C compiler builds the same program, and it runs on an empty base image.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	return cmd
}

// outputOf runs a command and returns its standard output; what it wrote to standard error goes into the error.
func outputOf(cmd *exec.Cmd) (string, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args[:2], " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return string(out), nil
}
