package core

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheManualListsEveryKindOfFault keeps the table of docs/sandbox.md.
func TestTheManualListsEveryKindOfFault(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "sandbox.md"))
	if err != nil {
		t.Fatal(err)
	}
	for kind, trait := range common {
		places := make([]string, len(trait.places))
		for i, place := range trait.places {
			places[i] = string(place)
		}
		if row := fmt.Sprintf("| %s | %s |", kind, strings.Join(places, ", ")); !strings.Contains(string(manual), row) {
			t.Errorf("docs/sandbox.md lacks %q", row)
		}
	}
}
