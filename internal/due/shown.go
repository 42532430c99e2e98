package due

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"keyturn/internal/rotation"
)

// Shown is what people are shown of the password that consumers have, where Vault is not asked. Nothing is decided by it.
type Shown struct {
	Known     bool      // false: nothing was noted since Redis was emptied
	Version   int       // of the secret in Vault; 0: none yet
	RotatedAt time.Time // zero: keyturn never wrote it
	Verified  rotation.Verified
	Deleted   bool // keyturn wrote a password, and none stands there
}

// shownOf is what is shown of what stands in Vault.
func shownOf(current rotation.Entry, gone bool) Shown {
	if current.Password.IsZero() && !gone {
		return Shown{Known: true}
	}
	return Shown{Known: true, Version: current.Version, RotatedAt: current.RotatedAt, Verified: current.Verified, Deleted: gone}
}

// differs tells whether another note is due. When it was rotated was read from two clocks, some time apart.
func (s Shown) differs(have Shown) bool {
	apart := s.RotatedAt.Sub(have.RotatedAt).Abs()
	have.RotatedAt = s.RotatedAt
	return s.Known && (s != have || apart > Skew)
}

// text is what stands in Redis: at most some 40 bytes, because there may be a million of them.
func (s Shown) text() string {
	var at int64
	if !s.RotatedAt.IsZero() {
		at = s.RotatedAt.UnixMilli()
	}
	text := fmt.Sprintf("%d %d %s", s.Version, at, s.Verified)
	if s.Deleted {
		text += " deleted"
	}
	return text
}

// parseShown reads what stands in Redis. What is not ours says nothing.
func parseShown(text string) (s Shown) {
	parts := strings.Split(text, " ")
	if len(parts) < 3 {
		return s
	}
	version, err := strconv.Atoi(parts[0])
	at, bad := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || bad != nil || version < 0 {
		return s
	}
	s = Shown{Known: true, Version: version, Verified: rotation.Verified(parts[2]), Deleted: len(parts) > 3}
	if at > 0 {
		s.RotatedAt = time.UnixMilli(at).UTC()
	}
	return s
}
