package console_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/openapi.json: look at the difference before committing it")

func TestTheOpenAPIDocumentInDocsIsTheOneThatIsServed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Version = "v1" // a console that runs says its own
	got := r.serve(r.Handler(), request(t, http.MethodGet, "/v1/openapi.json", "viewer", ""))
	if got.Code != http.StatusOK {
		t.Fatalf("%d %s", got.Code, got.Body)
	}
	var want bytes.Buffer
	if err := json.Indent(&want, bytes.TrimSpace(got.Body.Bytes()), "", "  "); err != nil {
		t.Fatal(err)
	}
	want.WriteByte('\n')
	path := filepath.Join("..", "..", "docs", "openapi.json")
	if *update {
		if err := os.WriteFile(path, want.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, want.Bytes()) {
		t.Error("docs/openapi.json is out of date: go generate ./internal/console")
	}
}

func TestTheOpenAPIDocumentHasNothingThatTheManualLacks(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]struct{ Tags []string }
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	manual, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	for path, methods := range document.Paths {
		for method, operation := range methods {
			if row := "| `" + strings.ToUpper(method) + " " + path + "` | " + strings.Join(operation.Tags, ", ") + " |"; !strings.Contains(string(manual), row) {
				t.Errorf("docs/api.md has no row %q", row)
			}
		}
	}
	if len(document.Paths) < 20 {
		t.Errorf("%d paths", len(document.Paths))
	}
}
