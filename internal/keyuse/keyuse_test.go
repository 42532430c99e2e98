package keyuse

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/rotation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bot = &rotation.Credential{ID: "bot", Account: "acme"}

// ledger is one on a Redis of its own, whose calls take no time.
func ledger(t *testing.T) *Ledger {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: devenvtest.Redis(t).Addr, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword})
	t.Cleanup(func() { _ = rdb.Close() })
	return &Ledger{RDB: rdb}
}

func must[T any](t *testing.T) func(v T, err error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// age makes a field of the hash older.
func (l *Ledger) age(t *testing.T, field string, by time.Duration) {
	t.Helper()
	text := must[string](t)(l.RDB.HGet(t.Context(), key(bot), field).Result())
	since, rest := text, ""
	if i := slices.Index([]byte(text), ' '); i >= 0 {
		since, rest = text[:i], text[i:]
	}
	ms := must[int64](t)(strconv.ParseInt(since, 10, 64))
	must[int64](t)(l.RDB.HSet(t.Context(), key(bot), field, strconv.FormatInt(ms-by.Milliseconds(), 10)+rest).Result())
}

// heard is a ledger that has listened for long enough.
func heard(t *testing.T) *Ledger {
	t.Helper()
	l := ledger(t)
	must[[]string](t)(l.Report(t.Context(), bot, "w1", []string{"new"}))
	l.age(t, "since", time.Hour)
	return l
}

func TestAKeyIsUsedForAsLongAsAWorkerReportsIt(t *testing.T) {
	t.Parallel()
	l := heard(t)
	used := func(id string) bool { return must[bool](t)(l.Leave(t.Context(), bot, id)) }
	must[[]string](t)(l.Report(t.Context(), bot, "w2", []string{"new", "old"}))
	if !used("old") || used("ol") || used("ld") || !used("new") {
		t.Error("what two workers report")
	}
	must[[]string](t)(l.Report(t.Context(), bot, "w2", []string{"new"}))
	if used("old") {
		t.Error("no worker reports it any more")
	}
}

func TestAWorkerThatIsSilentCountsAsGone(t *testing.T) {
	t.Parallel()
	l := heard(t)
	l.Call = 10 * time.Second
	must[[]string](t)(l.Report(t.Context(), bot, "w2", []string{"old"}))
	l.age(t, "u:bot w2", Silence+5*time.Second)
	if !must[bool](t)(l.Leave(t.Context(), bot, "old")) {
		t.Error("its last call may still be under way")
	}
	l.age(t, "u:bot w2", 6*time.Second)
	if must[bool](t)(l.Leave(t.Context(), bot, "old")) {
		t.Error("it is gone")
	}
}

// After a flush, none of the workers was heard of that call with the key.
func TestARedisThatWasEmptiedTakesEveryKeyForUsed(t *testing.T) {
	t.Parallel()
	l := ledger(t)
	used := func() bool { return must[bool](t)(l.Leave(t.Context(), bot, "old")) }
	if used(); !used() {
		t.Error("it has heard of no one")
	}
	must[[]string](t)(l.Report(t.Context(), bot, "w1", []string{"new"}))
	if !used() {
		t.Error("it has heard of one")
	}
	l.age(t, "since", Silence+time.Second)
	if used() {
		t.Error("every worker that calls with it had the time to say so")
	}
}

func TestAKeyThatIsToBeDisabledIsToldToWhoReports(t *testing.T) {
	t.Parallel()
	l, other := heard(t), &rotation.Credential{ID: "bo", Account: bot.Account}
	if leaving := must[[]string](t)(l.Report(t.Context(), bot, "w1", nil)); len(leaving) != 0 {
		t.Errorf("%q", leaving)
	}
	must[bool](t)(l.Leave(t.Context(), bot, "old"))
	must[bool](t)(l.Leave(t.Context(), other, "theirs"))
	if leaving := must[[]string](t)(l.Report(t.Context(), bot, "w1", []string{"old"})); !slices.Equal(leaving, []string{"old"}) {
		t.Errorf("%q", leaving)
	}
	if err := l.Stay(t.Context(), bot, "old"); err != nil {
		t.Fatal(err)
	}
	if leaving := must[[]string](t)(l.Report(t.Context(), bot, "w1", []string{"old"})); len(leaving) != 0 {
		t.Errorf("it stays: %q", leaving)
	}
}

func TestARefusalCountsOnlyOfAKeyThatIsToBeDisabled(t *testing.T) {
	t.Parallel()
	l := heard(t)
	missed := func() bool {
		if err := l.Miss(t.Context(), bot, "old"); err != nil {
			t.Fatal(err)
		}
		return must[bool](t)(l.Missed(t.Context(), bot, "old"))
	}
	if missed() {
		t.Error("a key that stays")
	}
	must[bool](t)(l.Leave(t.Context(), bot, "old"))
	if must[bool](t)(l.Missed(t.Context(), bot, "old")) || !missed() {
		t.Error("a key that leaves")
	}
	if must[bool](t)(l.Leave(t.Context(), bot, "old")); !must[bool](t)(l.Missed(t.Context(), bot, "old")) {
		t.Error("to ask again forgets it")
	}
	if err := l.Stay(t.Context(), bot, "old"); err != nil || must[bool](t)(l.Missed(t.Context(), bot, "old")) {
		t.Error("it stays", err)
	}
}

func TestAWorkerThatEndsIsForgotten(t *testing.T) {
	t.Parallel()
	l := heard(t)
	must[[]string](t)(l.Report(t.Context(), bot, "w2", []string{"old"}))
	if err := l.Forget(t.Context(), bot, "w2"); err != nil || must[bool](t)(l.Leave(t.Context(), bot, "old")) {
		t.Error("it still counts", err)
	}
}

func TestWhatIsOldLeavesTheHash(t *testing.T) {
	t.Parallel()
	l := heard(t)
	must[[]string](t)(l.Report(t.Context(), bot, "w2", []string{"old"}))
	must[bool](t)(l.Leave(t.Context(), bot, "old"))
	l.age(t, "u:bot w2", time.Hour)
	l.age(t, "l:bot old", 31*24*time.Hour)
	must[[]string](t)(l.Report(t.Context(), bot, "w1", nil))
	if fields := must[[]string](t)(l.RDB.HKeys(t.Context(), key(bot)).Result()); len(fields) != 2 {
		t.Errorf("%q", fields)
	}
}

func TestTheKeysOfTwoCredentialsAreNotMixed(t *testing.T) {
	t.Parallel()
	l, other := heard(t), &rotation.Credential{ID: "bo", Account: bot.Account}
	must[[]string](t)(l.Report(t.Context(), other, "t w1", []string{"old"}))
	if must[bool](t)(l.Leave(t.Context(), bot, "old")) {
		t.Error("a worker of another credential counts")
	}
	if !must[bool](t)(l.Leaving(t.Context(), bot, "old")) || must[bool](t)(l.Leaving(t.Context(), other, "old")) {
		t.Error("a key of another credential leaves")
	}
	if err := l.Miss(t.Context(), bot, "old"); err != nil || must[bool](t)(l.Missed(t.Context(), other, "old")) {
		t.Error("a key of another credential was missed", err)
	}
	if err := l.Forget(t.Context(), bot, "t w1"); err != nil || !must[bool](t)(l.Leave(t.Context(), other, "old")) {
		t.Error("a worker of another credential is forgotten", err)
	}
}
