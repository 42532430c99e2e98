package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/operate"
)

func TestAPlanIsATableOfDaysAndOneOfAccounts(t *testing.T) {
	t.Parallel()
	var plans []operate.Plan
	for line := range strings.Lines(repositoryFile(t, "internal", "operate", "testdata", "plans.jsonl")) {
		var p operate.Plan
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatal(err)
		}
		plans = append(plans, p)
	}
	var out bytes.Buffer
	if err := printPlans(&out, plans); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "plans.txt"))
	if err != nil || out.String() != string(want) {
		t.Errorf("%v: %s\nwant\n%s", err, out.String(), want)
	}
	if notes := planNotes(operate.Plan{IndexBuilt: true, Missed: 50}); !slices.Equal(notes, []string{"50 missed their window and wait for the next one"}) {
		t.Errorf("notes: %q", notes)
	}
}
