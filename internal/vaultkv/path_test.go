package vaultkv

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

func FuzzJournalKeyIsTwoSegmentsBelowItsMount(f *testing.F) {
	for _, id := range []string{"a", "..", "a/../b", "alerts@example.com", "%2e%2e", "A", ""} {
		f.Add(id)
	}
	form := regexp.MustCompile(`^[0-9a-f]{3}/[a-z0-9._@-]{1,128}$`)
	f.Fuzz(func(t *testing.T, id string) {
		key, err := journalKey(id)
		if err != nil {
			return
		}
		if !form.MatchString(key) || path.Clean("mount/"+key) != "mount/"+key || !strings.HasSuffix(key, "/"+id) {
			t.Errorf("id %q lives at %q", id, key)
		}
	})
}

func FuzzAPathThatIsAcceptedSurvivesCleaning(f *testing.F) {
	for _, p := range []string{"a", "a/b", "a/../b", "..", "a//b", "/a", "a/", "a/./b", "ü b"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if checkPath(p) == nil && path.Clean("mount/data/"+p) != "mount/data/"+p {
			t.Errorf("path %q is accepted and leads elsewhere", p)
		}
	})
}

func TestTheShardOfAnIDNeverChanges(t *testing.T) {
	t.Parallel()
	// A known value: a changed hash would make every journal of an existing installation unfindable.
	if key, err := journalKey("alerts@example.com"); err != nil || key != "d70/alerts@example.com" {
		t.Errorf("journal at %q, error %v", key, err)
	}
}
