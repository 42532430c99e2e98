// Package keyuse keeps, in Redis, which management keys workers call providers with, for keys that rotate themselves: one is
// disabled only when no worker calls with it any more (P-overlap-keys).
package keyuse

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

// Silence is how long a worker counts that does not report, besides its longest call. Without a report of the last
// Silence it makes no call.
const Silence = 45 * time.Second

// Ledger is safe for concurrent use. Ids of keys are no secrets.
type Ledger struct {
	RDB redis.UniversalClient
	// Call is the longest call to a provider.
	Call time.Duration
}

// The hash has "since", from when on it has heard of all workers, and three kinds of fields with a credential: "u:" and a worker → time and ids, "l:" and an id that is about to
// be disabled → since when, and "m:" and such an id of which a call was refused → when. None holds a space but between its ids.

//go:embed report.lua
var reportSource string

//go:embed leave.lua
var leaveSource string

//go:embed miss.lua
var missSource string

var reportScript, leaveScript, missScript = redis.NewScript(reportSource), redis.NewScript(leaveSource), redis.NewScript(missSource)

func key(cred *rotation.Credential) string { return redisx.Key(cred.Account, redisx.Calling) }

// Report says which keys of a credential a worker calls with, and returns those that it must not begin to call with, because
// they are about to be disabled.
func (l *Ledger) Report(ctx context.Context, cred *rotation.Credential, worker string, ids []string) (leaving []string, err error) {
	args := []any{cred.ID, worker, l.silence().Milliseconds()}
	for _, id := range ids {
		args = append(args, id)
	}
	leaving, err = reportScript.Run(ctx, l.RDB, []string{key(cred)}, args...).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("say which management key of %s is used: %w", cred.ID, err)
	}
	return leaving, nil
}

// Forget takes back what a worker reported that ends.
func (l *Ledger) Forget(ctx context.Context, cred *rotation.Credential, worker string) error {
	return l.RDB.HDel(ctx, key(cred), "u:"+cred.ID+" "+worker).Err()
}

// Miss notes that a call with a key was refused, if it is about to be disabled or disabled.
func (l *Ledger) Miss(ctx context.Context, cred *rotation.Credential, id string) error {
	return missScript.Run(ctx, l.RDB, []string{key(cred)}, cred.ID, id).Err()
}

// Leave implements rotation.Keys.
func (l *Ledger) Leave(ctx context.Context, cred *rotation.Credential, id string) (used bool, err error) {
	n, err := leaveScript.Run(ctx, l.RDB, []string{key(cred)}, cred.ID, id, l.silence().Milliseconds()).Int()
	return n > 0, err
}

// Leaving reports whether a key is about to be disabled, or disabled.
func (l *Ledger) Leaving(ctx context.Context, cred *rotation.Credential, id string) (bool, error) {
	return l.RDB.HExists(ctx, key(cred), "l:"+cred.ID+" "+id).Result()
}

// Missed implements rotation.Keys.
func (l *Ledger) Missed(ctx context.Context, cred *rotation.Credential, id string) (bool, error) {
	return l.RDB.HExists(ctx, key(cred), "m:"+cred.ID+" "+id).Result()
}

// Stay implements rotation.Keys.
func (l *Ledger) Stay(ctx context.Context, cred *rotation.Credential, id string) error {
	return l.RDB.HDel(ctx, key(cred), "l:"+cred.ID+" "+id, "m:"+cred.ID+" "+id).Err()
}

func (l *Ledger) silence() time.Duration { return Silence + l.Call }
