package devenv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// VaultBinary returns the path of the Vault server that lab/vault builds. The first call after a change of its source
// or of the Go version builds it, which takes minutes with a cold cache, and says so on standard error. Concurrent
// callers, in any process, wait for one build.
func VaultBinary(ctx context.Context) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	source := filepath.Join(root, "lab", "vault")
	dir, err := vaultCache()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	fingerprint, err := vaultFingerprint(ctx, source)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "vault-"+fingerprint)
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	unlock, err := lockedfile.MutexAt(filepath.Join(dir, "lock")).Lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(binary); err == nil {
		return binary, nil // built while we waited
	}
	return binary, buildVault(ctx, source, binary)
}

// RemoveVaultBinaries empties the cache of VaultBinary, old builds included.
func RemoveVaultBinaries() error {
	dir, err := vaultCache()
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// vaultCache is the folder of the built binaries and of their lock, and of nothing else.
func vaultCache() (string, error) {
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "keyturn", "vault"), err
}

// buildVault compiles beside the final name, so that a killed build leaves nothing that looks finished.
func buildVault(ctx context.Context, source, binary string) error {
	fmt.Fprintln(os.Stderr, "building Vault for the tests and the demo: once, about 4 minutes with a cold Go cache ...")
	began := time.Now() //nolint:forbidigo // how long a build takes is for the reader, not for a decision
	partial := binary + ".partial"
	if err := goBuild(ctx, source, "-ldflags", "-s -w", "-o", partial, "."); err != nil {
		return fmt.Errorf("build Vault: %w", err)
	}
	if err := os.Rename(partial, binary); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "built Vault in %v\n", time.Since(began).Round(time.Second)) //nolint:forbidigo // as above
	return nil
}

// vaultFingerprint names a build by what goes into it: the source, its dependencies, and the compiler.
func vaultFingerprint(ctx context.Context, source string) (string, error) {
	version, err := outputOf(goCommand(ctx, source, "env", "GOVERSION", "GOOS", "GOARCH"))
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	fmt.Fprintln(hash, version)
	files, err := filepath.Glob(filepath.Join(source, "*"))
	if err != nil {
		return "", err
	}
	for _, name := range files {
		if base := filepath.Base(name); strings.HasSuffix(base, "_test.go") ||
			(filepath.Ext(base) != ".go" && base != "go.mod" && base != "go.sum") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(hash, "%s %d\n", filepath.Base(name), len(data))
		hash.Write(data)
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}
