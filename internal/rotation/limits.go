package rotation

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The limits of what a configuration may ask for. They stand here, once, because the check of a configuration and the part
// that is given a value must agree: whatever passes the check starts.
const (
	MinConcurrency, MaxConcurrency = 2, 64 // calls of one account at once, in one process

	// MinQuestions is the least that a mail server must bear in a window, which is MinMailWindow or longer: a third of them
	// may be refused, which is one.
	MinQuestions, MinMailWindow = 3, time.Second

	MaxRun  = 10 * time.Minute // one run of a job, from its start to its end
	MaxID   = 128              // bytes of a credential's id or an account's name
	MaxPath = 512              // bytes of a path in Vault
)

// ValidID reports whether id can name a credential, or an account, in a queue, a Redis key and a path: 1 to MaxID of a-z,
// 0-9 and "._-@", and more than dots that lead elsewhere.
func ValidID(id string) bool {
	if id == "" || len(id) > MaxID || id == "." || id == ".." {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte("._-@", c) < 0 {
			return false
		}
	}
	return true
}

// CheckPath reports what could leave the mount, or would not mean what it says: Vault's client cleans a path before it
// sends it, so that a/../b silently becomes b. Any other character is escaped on the way.
func CheckPath(path string) error {
	switch {
	case len(path) > MaxPath:
		return fmt.Errorf("is longer than %d bytes", MaxPath)
	case !utf8.ValidString(path) || strings.ContainsFunc(path, func(r rune) bool { return !unicode.IsPrint(r) }),
		strings.TrimSpace(path) != path:
		return errors.New("must be printable, without blanks at its ends")
	}
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "":
			return errors.New("has an empty part between slashes or at its end")
		case ".", "..":
			return fmt.Errorf("must not contain the part %q, which could lead out of the mount", segment)
		}
	}
	return nil
}

// What is wrong with the URL of a server. None repeats it: it may hold a password by mistake.
var (
	ErrServerURL   = errors.New("is not the URL of a server")
	ErrServerUser  = errors.New("must not hold a user name or password")
	ErrServerQuery = errors.New("must have no query and no fragment")
)

// ParseServer checks the base URL of a server: http or https, a host, and at most a port and a path.
func ParseServer(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https",
		u.Hostname() == "", strings.HasSuffix(u.Host, ":"),
		strings.ContainsFunc(u.Host, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, ErrServerURL // not wrapped: url.Error quotes the URL
	case u.User != nil:
		return nil, ErrServerUser
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, ErrServerQuery
	}
	return u, nil
}

// FieldNames are the names of the fields of a secret that are keyturn's. Every other field belongs to the user and is kept.
type FieldNames struct {
	Username string // "" means "username"
	Password string // "" means "password"
	// Keyturn's own: who wrote the password, and how far it was proven.
	Target         string // "" means "keyturn_target"; only of a pair
	Identity       string // "" means "keyturn_identity"; only of an overlap
	RotationID     string // "" means "keyturn_rotation_id"
	Candidate      string // "" means "keyturn_candidate"
	Slot           string // "" means "keyturn_slot"
	RotatedAt      string // "" means "keyturn_rotated_at"
	JournalVersion string // "" means "keyturn_journal_version"
	Verified       string // "" means "keyturn_verified"
}

// WithDefaults fills in the names that are left out.
func (f FieldNames) WithDefaults() FieldNames {
	return FieldNames{
		Username: cmp.Or(f.Username, "username"), Password: cmp.Or(f.Password, "password"),
		Target: cmp.Or(f.Target, "keyturn_target"), Identity: cmp.Or(f.Identity, "keyturn_identity"),
		RotationID: cmp.Or(f.RotationID, "keyturn_rotation_id"), Candidate: cmp.Or(f.Candidate, "keyturn_candidate"),
		Slot: cmp.Or(f.Slot, "keyturn_slot"), RotatedAt: cmp.Or(f.RotatedAt, "keyturn_rotated_at"),
		JournalVersion: cmp.Or(f.JournalVersion, "keyturn_journal_version"), Verified: cmp.Or(f.Verified, "keyturn_verified"),
	}
}

// Has reports whether a field is keyturn's.
func (f FieldNames) Has(name string) bool { return slices.Contains(f.all(), name) }

func (f FieldNames) all() []string {
	f = f.WithDefaults()
	return []string{
		f.Username, f.Password, f.Target, f.Identity, f.RotationID, f.Candidate, f.Slot, f.RotatedAt, f.JournalVersion, f.Verified,
	}
}

// Twice returns a name that two of the fields have, "" if there is none.
func (f FieldNames) Twice() string {
	seen := map[string]bool{}
	for _, name := range f.all() {
		if seen[name] {
			return name
		}
		seen[name] = true
	}
	return ""
}
