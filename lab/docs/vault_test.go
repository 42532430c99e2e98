package docs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// vaultServer is the variable that names the real server.
const vaultServer = "DOCS_VAULT_SERVER"

// TestMain plays Vault's command line where the test binary is called so: it is not there on every machine, and the Vault
// of the tests has no client. The server is real.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "vault" {
		os.Exit(m.Run())
	}
	if err := vault(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(2)
	}
}

var errUsage = errors.New("the pages use no such command")

// vault does what the pages ask of Vault's command line, over its API.
func vault(args []string) error {
	if len(args) > 0 && (args[0] == "server" || args[0] == "status") {
		return syscall.Exec(os.Getenv(vaultServer), append([]string{"vault"}, args...), os.Environ())
	}
	words := 2 // of the command
	if len(args) > 0 && (args[0] == "read" || args[0] == "write") {
		words = 1
	}
	if len(args) < words {
		return errUsage
	}
	flags := flag.NewFlagSet("vault", flag.ContinueOnError)
	path, version, field := flags.String("path", "", ""), flags.String("version", "", ""), flags.String("field", "", "")
	wrap := flags.String("wrap-ttl", "", "")
	flags.Bool("force", false, "")
	if err := flags.Parse(args[words:]); err != nil {
		return err
	}
	rest := flags.Args()
	if len(rest) == 0 {
		return errUsage
	}
	switch strings.Join(args[:words], " ") {
	case "secrets enable":
		return ask(http.MethodPost, "sys/mounts/"+*path, map[string]any{"type": rest[0], "options": map[string]string{"version": *version}}, "", "")
	case "auth enable":
		return ask(http.MethodPost, "sys/auth/"+rest[0], map[string]any{"type": rest[0]}, "", "")
	case "policy write":
		text, err := os.ReadFile(rest[1])
		if err != nil {
			return err
		}
		return ask(http.MethodPut, "sys/policies/acl/"+rest[0], map[string]any{"policy": string(text)}, "", "")
	case "read":
		return ask(http.MethodGet, rest[0], nil, *field, "")
	case "write":
		return ask(http.MethodPut, rest[0], pairs(rest[1:]), *field, *wrap)
	case "kv get":
		return ask(http.MethodGet, strings.Replace(rest[0], "/", "/data/", 1), nil, *field, "")
	case "kv put":
		return ask(http.MethodPut, strings.Replace(rest[0], "/", "/data/", 1), map[string]any{"data": pairs(rest[1:])}, "", "")
	}
	return errUsage
}

// pairs are the arguments NAME=VALUE.
func pairs(args []string) map[string]any {
	all := map[string]any{}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		all[name] = value
	}
	return all
}

// ask sends a request, and prints a field of the answer, or all of them.
func ask(method, path string, body any, field, wrap string) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(context.Background(), method, os.Getenv("VAULT_ADDR")+"/v1/"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("X-Vault-Token", os.Getenv("VAULT_TOKEN"))
	if wrap != "" {
		req.Header.Set("X-Vault-Wrap-TTL", wrap)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if text, err = io.ReadAll(res.Body); err != nil {
		return err
	}
	if res.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, text)
	}
	var answer struct {
		Data map[string]any
		Wrap struct{ Token string } `json:"wrap_info"`
		Auth struct {
			Token string `json:"client_token"`
		}
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			return err
		}
	}
	data := answer.Data
	if inner, ok := data["data"].(map[string]any); ok {
		data = inner
	}
	switch {
	case field == "wrapping_token":
		fmt.Print(answer.Wrap.Token)
	case field == "token":
		fmt.Print(answer.Auth.Token)
	case field != "":
		fmt.Print(data[field])
	default:
		for _, name := range slices.Sorted(maps.Keys(data)) {
			fmt.Printf("%-24s %v\n", name, data[name])
		}
	}
	return nil
}
