package config_test

import (
	"slices"
	"strings"
	"testing"

	"keyturn/internal/rotation"
)

const fleet = base + `
policies: {p: {length: 15}}
credentials:
  - {id: same, account: tencent, target: same@example.com, path: same}
  - {id: policy, account: tencent, target: policy@example.com, path: policy, policy: p}
  - {id: when, account: tencent, target: when@example.com, path: when, schedule: {every: 7d}}
  - {id: verify, account: tencent, target: verify@example.com, path: verify}
  - {id: gone, account: tencent, target: gone@example.com, path: gone}
`

func ids(list []*rotation.Credential) string {
	var names []string
	for _, c := range list {
		names = append(names, c.ID)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestTheFingerprintFollowsTheContents(t *testing.T) {
	t.Parallel()
	one := mustLoad(t, t.TempDir(), fleet).Fingerprint()
	for _, same := range []string{
		fleet,
		"# a comment\n" + fleet,
		strings.ReplaceAll(fleet, "{env: KEY}", "{file: key}"), // where a process finds its secrets is its own matter
		fleet + "console: {tokens: {alice: {role: viewer, file: a}}}\n",
	} {
		if got := mustLoad(t, t.TempDir(), same).Fingerprint(); got != one {
			t.Errorf("the fingerprint differs for:\n%s", same)
		}
	}
	for old, changed := range map[string]string{
		"id: same":           "id: other",
		"length: 15":         "length: 16",
		"every: 30d":         "every: 31d",
		"path: when":         "path: whenever",
		"smtp.example.com":   "smtp.example.org",
		"https://vault:8200": "https://vault:8201",
		"defaults: {":        "timing: {min_interval: 3m}\ndefaults: {first: now, ",
	} {
		text := strings.ReplaceAll(fleet, old, changed)
		if got := mustLoad(t, t.TempDir(), text).Fingerprint(); got == one || len(got) != 64 {
			t.Errorf("the fingerprint stays for %s", changed)
		}
	}
}
