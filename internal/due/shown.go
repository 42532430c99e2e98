package due

import (
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

// differs tells whether another note is due. When it was rotated was read from two clocks, some time apart; and what was read is
// older than what stands there where a rotation ended meanwhile.
func (s Shown) differs(have Shown) bool {
	if have.Known && s.Version < have.Version && s.Version > 0 && !s.Deleted {
		return false
	}
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
	text := make([]byte, 0, 48)
	text = append(strconv.AppendInt(text, int64(s.Version), 10), ' ')
	text = append(strconv.AppendInt(text, at, 10), ' ')
	text = append(text, s.Verified...)
	if s.Deleted {
		text = append(text, " deleted"...)
	}
	return string(text)
}

// parseShown reads what stands in Redis. What is not ours says nothing.
func parseShown(text string) (s Shown) {
	first, text, _ := strings.Cut(text, " ")
	second, text, found := strings.Cut(text, " ")
	version, err := strconv.Atoi(first)
	at, bad := strconv.ParseInt(second, 10, 64)
	if err != nil || bad != nil || version < 0 || !found {
		return s
	}
	verified, _, deleted := strings.Cut(text, " ")
	s = Shown{Known: true, Version: version, Verified: rotation.Verified(verified), Deleted: deleted}
	if at > 0 {
		s.RotatedAt = time.UnixMilli(at).UTC()
	}
	return s
}
