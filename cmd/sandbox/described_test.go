package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/providers/declared"
)

// file writes a description with a code, and with a mistake in the place of a text.
func file(t *testing.T, code, old, replacement string) string {
	t.Helper()
	text, err := declared.Skeleton("mine", "setter")
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(text), "code: mine", "code: "+code, 1)
	path := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(path, []byte(strings.Replace(edited, old, replacement, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFileIsPlayedOnItsDocumentedPorts(t *testing.T) {
	t.Parallel()
	port := freeRange(t, firstPort+2*portsEach)
	_, ready := launch(t, "-listen", fmt.Sprintf("127.0.0.1:%d", port), "-provider", file(t, "first", "", ""), "-provider", file(t, "second", "", ""))
	for i, code := range []string{"first", "second"} {
		for j, address := range []string{strings.TrimPrefix(ready.Providers[code], "http://"), ready.SMTP[code], ready.STARTTLS[code]} {
			if want := fmt.Sprintf("127.0.0.1:%d", port+firstPort+portsEach*i+j); address != want {
				t.Errorf("%s: %s, want %s", code, address, want)
			}
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, ready.Providers["first"]+"/v1/users/alerts@example.com/password",
		strings.NewReader(`{"password":"Example-Pass-1"}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Accept": "application/json", "Authorization": "Bearer TOKEN", "Content-Type": "application/json"} {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); response.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "invalid_password") {
		t.Errorf("%d %s %v", response.StatusCode, body, err) // the rule of the file has no symbols
	}
}

func TestTheFilesEndWhereThePortsDo(t *testing.T) {
	t.Parallel()
	var args []string
	for i := range mostFiles + 1 {
		args = append(args, "-listen", "127.0.0.1:0", "-provider", file(t, fmt.Sprintf("file-%d", i), "", ""))
	}
	if err := run(t.Context(), args, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "10 files, and there are ports for 9") {
		t.Error(err)
	}
	_, ready := launch(t, args[:len(args)-4]...)
	if ready.Providers["file-8"] == "" {
		t.Errorf("%v", ready.Providers)
	}
}

func TestAFileThatCannotBePlayedIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		files []string
		want  []string
	}{
		"a built-in code": {[]string{file(t, "enom", "", "")}, []string{"mine.yaml:7:7: code: \"enom\" is another provider's"}},
		"a code twice":    {[]string{file(t, "one", "", ""), file(t, "one", "", "")}, []string{"\"one\" is another provider's"}},
		"two mistakes":    {[]string{file(t, "one", "rate: 1/s", "rate: often"), "/nonexistent/x.yaml"}, []string{"is not a rate", "/nonexistent/x.yaml: no such file"}},
		"a huge file":     {[]string{file(t, "one", "# What", "#"+strings.Repeat(" ", declared.SizeLimit))}, []string{"at most 256 KiB"}},
	} {
		args := []string{"-listen", "127.0.0.1:0"}
		for _, one := range test.files {
			args = append(args, "-provider", one)
		}
		err := run(t.Context(), args, io.Discard, io.Discard)
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
	}
}
