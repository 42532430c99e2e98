package apptest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"keyturn/internal/devenv"
)

// programs are those that a Stage can run.
var programs = []string{"worker", "scheduler", "rotatectl"}

// vault is the one of all tests of a package. It holds what no two stages share: ids and paths begin with a stage's name.
var vault *devenv.Vault

// Main runs a package's tests and exits. The program that the package is, self, is played by the test binary itself, so
// that the race detector and the coverage see it; the others are built. All of them are on PATH then.
func Main(m *testing.M, self string, main func()) {
	testscript.Main(tests{m, self}, map[string]func(){self: main})
}

// MainOfNone is Main of a package that is none of the programs: all of them are built.
func MainOfNone(m *testing.M) { testscript.Main(tests{M: m}, nil) }

type tests struct {
	*testing.M
	self string
}

// Run implements testscript.TestingM.
func (t tests) Run() int {
	code, err := t.run(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func (t tests) run(ctx context.Context) (code int, err error) {
	dir, err := os.MkdirTemp("", "keyturn-test-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var packages []string
	for _, name := range programs {
		if name != t.self {
			packages = append(packages, "./cmd/"+name)
		}
	}
	if err := devenv.Build(ctx, dir, packages...); err != nil {
		return 1, err
	}
	if err := os.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH")); err != nil {
		return 1, err
	}
	if vault = devenv.ExternalVault(); vault == nil {
		if vault, err = devenv.StartVault(ctx, devenv.VaultOptions{}); err != nil {
			return 1, err
		}
		defer func() { err = errors.Join(err, vault.Stop()) }()
	}
	return t.M.Run(), nil
}
