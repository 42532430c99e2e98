package secret_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/secret"
)

func TestAFileOfASecretIsBounded(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	for _, length := range []int{0, 1, secret.MaxFile, secret.MaxFile + 1} {
		text := strings.Repeat("k", length)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := secret.ReadFile(file)
		if fits := length <= secret.MaxFile; fits != (err == nil) || fits && got.Reveal() != text {
			t.Errorf("%d bytes: %v", length, err)
		}
		if err != nil && (strings.Contains(err.Error(), "kk") || !strings.Contains(err.Error(), file)) {
			t.Errorf("the error is %v", err)
		}
	}
	if _, err := secret.ReadFile(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a file that does not exist is read")
	}
}

func TestTrimLeavesThePasswordItself(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "\n": "", "key": "key", "key\n": "key", "key\r\n\r\n": "key", "\ufeffkey\r": "key", " key \n": " key ", "\nkey": "\nkey", "ke\ny": "ke\ny",
	} {
		if got := secret.New(text).Trim(); got.Reveal() != want {
			t.Errorf("%q becomes %q, want %q", text, got.Reveal(), want)
		}
	}
}
