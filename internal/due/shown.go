package due

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
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

// after tells whether what is shown is of a later rotation than one that ends only now: its run stood still between closing the
// journal and settling. A lower version alone says less: versions start again where the path is reset.
func (s Shown) after(end rotation.Ending) bool {
	at := end.RotatedAt.UnixMilli()
	return s.Known && 0 < end.Version && end.Version < s.Version && 0 < at && at < s.RotatedAt.UnixMilli()
}

// shown is what stands of a credential.
func (x *Index) shown(ctx context.Context, cred *rotation.Credential) (Shown, error) {
	text, err := x.rdb.HGet(ctx, redisx.Key(cred.Account, redisx.Shown), cred.ID).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return Shown{}, err
	}
	return parseShown(text), nil
}

// showScript is Shown.after where nothing comes between: it shows a rotation and tells of it, unless a later one was.
var showScript = redis.NewScript(`
local version, at = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '^(%d+) (%d+) ')
local ends = tonumber(ARGV[3])
if version and tonumber(ARGV[2]) < tonumber(version) and 0 < ends and ends < tonumber(at) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
if KEYS[2] then redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*', unpack(ARGV, 6)) end
return 1`)

// show adds to a transaction what people are shown of a rotation, and the event if it tells of it.
func show(ctx context.Context, p redis.Pipeliner, cred *rotation.Credential, end rotation.Ending, tells bool) {
	shown := Shown{Version: end.Version, RotatedAt: end.RotatedAt, Verified: end.Verified}
	keys := []string{redisx.Key(cred.Account, redisx.Shown)}
	args := []any{cred.ID, end.Version, end.RotatedAt.UnixMilli(), shown.text(), maxEvents}
	if tells {
		keys, args = append(keys, redisx.Events), append(args, eventOf(cred, end)...)
	}
	// A Redis without memory refuses this, and the whole transaction with it. It would refuse the script alone.
	p.HSetNX(ctx, keys[0], cred.ID, shown.text())
	showScript.Eval(ctx, p, keys, args...)
}
