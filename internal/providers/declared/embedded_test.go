package declared

import (
	"slices"
	"strings"
	"testing"
)

func TestEveryEmbeddedDescriptionIsTrueToItsExamples(t *testing.T) {
	t.Parallel()
	names := EmbeddedNames()
	if len(names) == 0 || len(Embedded()) != len(names) {
		t.Errorf("%d of %d files can be read", len(Embedded()), len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := ReadEmbedded(name)
			if err != nil {
				t.Fatal(err)
			}
			if d.Code+".yaml" != name {
				t.Errorf("the code is %q", d.Code)
			}
			report := d.Check(t.Context())
			for _, one := range slices.Concat(report.Failed, report.Uncovered) {
				t.Error(one)
			}
			var success, refusal bool
			for _, one := range d.examples.answers {
				success, refusal = success || one.success && one.source != "", refusal || !one.success && one.source != ""
			}
			if !success || !refusal {
				t.Errorf("a cited success: %v, a cited refusal: %v", success, refusal)
			}
			for _, shown := range report.Requests {
				if strings.Contains(shown, d.examples.requests[0].password) && d.examples.requests[0].password != "" {
					t.Errorf("a password is shown:\n%s", shown)
				}
			}
		})
	}
}

func TestASkeletonIsRightAsItStands(t *testing.T) {
	t.Parallel()
	for _, mode := range Modes() {
		text, err := Skeleton("mine", mode)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Read("mine.yaml", text)
		if err != nil || d.Code != "mine" || d.mode.String() != mode {
			t.Fatalf("%s: %v", mode, err)
		}
		report := d.Check(t.Context())
		for _, one := range slices.Concat(report.Failed, report.Uncovered) {
			t.Errorf("%s: %v", mode, one)
		}
	}
	for _, code := range []string{"", "Mine", "a: b", "../x"} {
		if _, err := Skeleton(code, "setter"); err == nil {
			t.Errorf("%q is a code", code)
		}
	}
}
