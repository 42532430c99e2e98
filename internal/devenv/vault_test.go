package devenv_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
)

// ask sends Vault a request as root and returns the status and the body.
func ask(t *testing.T, vault *devenv.Vault, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, vault.Addr+"/v1/"+path, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", vault.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

const aSecret = "secret/data/a"

func write(t *testing.T, vault *devenv.Vault, value string) {
	t.Helper()
	if status, body := ask(t, vault, http.MethodPut, aSecret, fmt.Sprintf(`{"data":{"v":%q}}`, value)); status != http.StatusOK {
		t.Fatalf("write: HTTP %d: %s", status, body)
	}
}

func holds(t *testing.T, vault *devenv.Vault, value string) {
	t.Helper()
	status, body := ask(t, vault, http.MethodGet, aSecret, "")
	var answer struct {
		Data struct {
			Data struct{ V string }
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Data.Data.V != value {
		t.Errorf("HTTP %d: %s, want the value %s", status, body, value)
	}
}

func TestVaultDataSurvivesSIGKILLWithADir(t *testing.T) {
	t.Parallel()
	vault := devenvtest.VaultWith(t, devenv.VaultOptions{Dir: t.TempDir()})
	write(t, vault, "one")
	if err := vault.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := vault.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	holds(t, vault, "one")
}

func TestVaultDataOutlivesTheProgramThatStartedIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := devenvtest.VaultWith(t, devenv.VaultOptions{Dir: dir})
	write(t, first, "one")
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	// Another start, with another port and another root token, as the next program's would be.
	holds(t, devenvtest.VaultWith(t, devenv.VaultOptions{Dir: dir}), "one")
}

func TestVaultInMemoryStartsEmptyAgainWithTheSameToken(t *testing.T) {
	t.Parallel()
	vault := devenvtest.Vault(t)
	write(t, vault, "one")
	if err := vault.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, body := ask(t, vault, http.MethodGet, aSecret, ""); status != http.StatusNotFound {
		t.Errorf("HTTP %d: %s, want 404", status, body)
	}
}

func TestVaultSealsAndUnseals(t *testing.T) {
	t.Parallel()
	vault := devenvtest.VaultWith(t, devenv.VaultOptions{Dir: t.TempDir()})
	write(t, vault, "one")
	if err := vault.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, _ := ask(t, vault, http.MethodGet, aSecret, ""); status != http.StatusServiceUnavailable {
		t.Errorf("a sealed Vault answers HTTP %d", status)
	}
	if err := vault.Unseal(t.Context()); err != nil {
		t.Fatal(err)
	}
	holds(t, vault, "one")
}

func TestVaultInMemoryCannotBeUnsealed(t *testing.T) {
	t.Parallel()
	if err := devenvtest.Vault(t).Unseal(t.Context()); !errors.Is(err, devenv.ErrNoUnsealKey) {
		t.Errorf("got %v", err)
	}
}

func TestVaultHasTheMountsAndAuthMethodsThatWereAsked(t *testing.T) {
	t.Parallel()
	vault := devenvtest.VaultWith(t, devenv.VaultOptions{
		Mounts: []string{"new", "old:1"}, Auth: []string{"approle", "kubernetes"},
	})
	_, mounts := ask(t, vault, http.MethodGet, "sys/mounts", "")
	_, auths := ask(t, vault, http.MethodGet, "sys/auth", "")
	for where, wants := range map[string][]string{
		mounts: {`"new/"`, `"old/"`, `"version":"1"`, `"version":"2"`},
		auths:  {`"approle/"`, `"kubernetes/"`},
	} {
		for _, want := range wants {
			if !strings.Contains(where, want) {
				t.Errorf("%s is missing in %s", want, where)
			}
		}
	}
}

func TestPrintingAVaultHidesItsToken(t *testing.T) {
	t.Parallel()
	vault := devenvtest.VaultWith(t, devenv.VaultOptions{})
	if text := fmt.Sprintf("%v %+v %s", vault, vault, vault); strings.Contains(text, vault.Token) {
		t.Error("printing the server prints its root token")
	}
}
