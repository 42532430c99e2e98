package vaultkv_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestReadFieldReadsOneFieldOrSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	v, path := open(t, config()), newCredential().Place.Path
	ask(t, http.MethodPut, "secret/data/"+path, map[string]any{"data": map[string]any{"secret_id": "s", "number": 12}})
	for field, want := range map[string]string{"secret_id": "s", "number": "12"} {
		if got, err := v.ReadField(t.Context(), "main", path, field); err != nil || got.Reveal() != want {
			t.Errorf("field %s: another value than was stored, or error %v", field, err)
		}
	}
	if _, err := v.ReadField(t.Context(), "main", path, "other"); err == nil || !strings.Contains(err.Error(), `"other"`) {
		t.Errorf("a missing field: %v, want its name", err)
	}
	if _, err := v.ReadField(t.Context(), "main", path+"x", "f"); err == nil {
		t.Error("a missing secret: no error")
	}
	if _, err := v.ReadField(t.Context(), "elsewhere", path, "f"); err == nil || !strings.Contains(err.Error(), `"elsewhere"`) {
		t.Errorf("an unknown store: %v, want its name", err)
	}
}
