package spelling_test

import (
	"strings"
	"testing"

	"keyturn/internal/providers/spelling"
	"keyturn/internal/rotation"
)

func TestANameCarriesTheLabelOfItsOwnerAlone(t *testing.T) {
	t.Parallel()
	owners := []string{"", "a", "ab", "a-b", "8c1f20a94e", "8c1f20a94e-7d3a9b01", "7d3a9b01"}
	for _, owner := range owners {
		name := spelling.Label(rotation.Label{Owner: owner, Part: "7d3a9b01-12"})
		for _, other := range owners {
			if got := spelling.Labelled(strings.ToUpper(name), other); got != (owner == other) {
				t.Errorf("%q is of %q: %v", name, other, got)
			}
		}
	}
	for _, name := range []string{"", "kt-", "kt-a-", "kt-a-b", "kt-a-1-1-1", "xkt-a-1-1", "a-1-1", "kt-a-1-1x", "kt-a-1-1@example.com"} {
		if spelling.Labelled(name, "a") {
			t.Errorf("%q carries a label", name)
		}
	}
}

func TestAnOwnerIsAShortName(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "-a", "a-", "A", "a_b", strings.Repeat("a", 25)} {
		if spelling.CheckOwner(bad) == nil {
			t.Errorf("label %q is taken", bad)
		}
	}
	for _, good := range []string{"a", "a-b", strings.Repeat("a", 24)} {
		if err := spelling.CheckOwner(good); err != nil {
			t.Errorf("label %q: %v", good, err)
		}
	}
}
