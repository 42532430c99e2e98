package app

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keyturn/internal/operate"
)

var update = flag.Bool("update", false, "rewrite docs/webhook.schema.json: look at the difference before committing it")

// schema is that of messages. Receivers must take fields that it does not have.
func schema(t *testing.T) (registry huma.Registry, message *huma.Schema) {
	t.Helper()
	registry = huma.NewMapRegistry("#/$defs/", huma.DefaultSchemaNamer)
	message = registry.Schema(reflect.TypeFor[Message](), false, "Message")
	message.AdditionalProperties = true
	for _, s := range registry.Map() {
		s.AdditionalProperties = true
	}
	return registry, message
}

func TestTheSchemaOfMessagesInDocsIsThatOfWhatIsSent(t *testing.T) {
	t.Parallel()
	registry, message := schema(t)
	text, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	whole := map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A message to a webhook of keyturn, version 1", "$defs": registry.Map(),
	}
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	want, err := json.MarshalIndent(whole, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	path := filepath.Join("..", "..", "docs", "webhook.schema.json")
	if *update {
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, want) {
		t.Error("docs/webhook.schema.json is out of date: go generate ./internal/app")
	}
}

func TestAMessageKeepsToItsSchema(t *testing.T) {
	t.Parallel()
	registry, message := schema(t)
	at := time.Date(2026, 11, 30, 9, 4, 27, 0, time.UTC)
	for wanted, sent := range map[bool]any{
		true:  Message{Type: "rotated", Timestamp: at, Data: operate.Event{ID: "1-0", At: at, Type: "rotated", Credential: "shop", Version: 3}},
		false: map[string]any{"type": 3, "data": map[string]any{}},
	} {
		text, err := json.Marshal(sent)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatal(err)
		}
		var found huma.ValidateResult
		huma.Validate(registry, message, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, value, &found)
		if (len(found.Errors) == 0) != wanted {
			t.Errorf("%s: %v", text, found.Errors)
		}
	}
}
