package config_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"weak"

	"keyturn/internal/config"
)

// outcome is one call of Watch's callback.
type outcome struct {
	cfg *config.Config
	err error
}

// watch watches cfg until the test ends and returns what the callback gets.
func watch(t *testing.T, cfg *config.Config, again <-chan os.Signal) <-chan outcome {
	t.Helper()
	calls := make(chan outcome, 16)
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		done <- config.Watch(ctx, cfg, again, func(cfg *config.Config, err error) { calls <- outcome{cfg, err} })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return calls
}

func next(t *testing.T, calls <-chan outcome) outcome {
	t.Helper()
	select {
	case o := <-calls:
		return o
	case <-time.After(30 * time.Second):
		t.Fatal("no reload")
		return outcome{}
	}
}

// start watches and waits until it has begun, which a signal proves.
func start(t *testing.T, cfg *config.Config) (<-chan outcome, chan<- os.Signal) {
	t.Helper()
	again := make(chan os.Signal)
	calls := watch(t, cfg, again)
	again <- syscall.SIGHUP
	if o := next(t, calls); o.err != nil || o.cfg.Len() != cfg.Len() {
		t.Fatalf("the signal brought %+v", o)
	}
	return calls, again
}

func folders(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.Mkdir(filepath.Join(dir, name), 0o750); err != nil {
			t.Fatal(err)
		}
	}
}

// link makes name a link to a path, in one step if something stands there, as git-sync and the kubelet do.
func link(t *testing.T, dir, to, name string) {
	t.Helper()
	beside, at := filepath.Join(dir, name+".new"), filepath.Join(dir, name)
	if err := errors.Join(os.Symlink(to, beside), os.Rename(beside, at)); err != nil {
		t.Fatal(err)
	}
}

func TestWatchSeesAFileThatIsReplacedAndOneThatAppears(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folders(t, dir, "fleet")
	write(t, dir, "fleet/a.csv", "id,account,target,path\na,tencent,a@example.com,a\n")
	calls, _ := start(t, mustLoad(t, dir, base+"include: [fleet/*.csv]\n"))

	write(t, dir, "fleet/b.csv", "id,account,target,path\nb,tencent,b@example.com,b\n")
	if o := next(t, calls); o.err != nil || o.cfg.Len() != 2 {
		t.Errorf("after a file appeared: %+v", o)
	}
	// As an editor saves: write beside it, then rename over it.
	write(t, dir, "fleet/.b.tmp", "id,account,target,path\nb,tencent,b@example.com,b\nc,tencent,c@example.com,c\n")
	if err := os.Rename(filepath.Join(dir, "fleet/.b.tmp"), filepath.Join(dir, "fleet/b.csv")); err != nil {
		t.Fatal(err)
	}
	if o := next(t, calls); o.err != nil || o.cfg.Len() != 3 {
		t.Errorf("after a file was replaced: %+v", o)
	}
}

func TestWatchSaysWhyABrokenFileChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := mustLoad(t, dir, fleet)
	calls, again := start(t, cfg)

	write(t, dir, "keyturn.yaml", fleet+"  - {id: same}\n")
	o := next(t, calls)
	if o.cfg != nil || o.err == nil || !strings.Contains(o.err.Error(), "credentials[5].account: is missing") {
		t.Errorf("got %+v", o)
	}
	again <- syscall.SIGHUP
	if o := next(t, calls); o.err == nil {
		t.Error("a signal made the broken file good")
	}
	write(t, dir, "keyturn.yaml", fleet+"  - {id: more, account: tencent, target: more@example.com, path: more}\n")
	if o := next(t, calls); o.err != nil || ids(difference(cfg, o.cfg).Added) != "more" {
		t.Errorf("after the repair: %+v", o)
	}
}

func TestWatchFollowsTheLinksOfAConfigMap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folders(t, dir, "one", "two")
	write(t, dir, "one/keyturn.yaml", base)
	write(t, dir, "two/keyturn.yaml", fleet)
	link(t, dir, "one", "..data")
	link(t, dir, "..data/keyturn.yaml", "keyturn.yaml")
	cfg, err := reload(filepath.Join(dir, "keyturn.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	calls, _ := start(t, cfg)
	link(t, dir, "two", "..data")
	if o := next(t, calls); o.err != nil || o.cfg.Len() != 5 {
		t.Errorf("got %+v", o)
	}
}

func line(id string) string { return id + ",tencent," + id + "@example.com," + id + "\n" }

func count(cfg *config.Config) int {
	if cfg == nil {
		return -1
	}
	return cfg.Len()
}

func TestWatchSeesARepairWhereverTheBrokenConfigurationWas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folders(t, dir, "v1", "v2")
	write(t, dir, "v1/keyturn.yaml", base)
	write(t, dir, "v2/keyturn.yaml", base+"include: [more.csv]\n")
	write(t, dir, "v2/more.csv", "id,account,target,path\nbroken\n")
	link(t, dir, "v1", "current")
	cfg, err := reload(filepath.Join(dir, "current/keyturn.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	calls, _ := start(t, cfg)

	link(t, dir, "v2", "current")
	if o := next(t, calls); o.err == nil {
		t.Fatalf("a broken file brought %d credentials", o.cfg.Len())
	}
	write(t, dir, "v2/more.csv", "id,account,target,path\n"+line("a")) // a file that no configuration in force has
	if o := next(t, calls); o.err != nil || o.cfg.Len() != 1 {
		t.Errorf("after the repair: %d credentials, %v", count(o.cfg), o.err)
	}
	write(t, dir, "v1/keyturn.yaml", fleet) // of no concern any more
	write(t, dir, "v2/more.csv", "id,account,target,path\n"+line("a")+line("b"))
	if o := next(t, calls); o.err != nil || o.cfg.Len() != 2 {
		t.Errorf("after the next change: %d credentials, %v", count(o.cfg), o.err)
	}
}

func TestWhatIsReadAnewIsWhatAFreshProcessReads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := mustLoad(t, dir, fleet)
	calls, again := start(t, first)
	text := strings.NewReplacer(
		"length: 15", "length: 16",
		"every: 7d", "every: 8d",
		"path: verify", "path: verify, verify: off",
		"target: gone@", "target: another@",
	).Replace(fleet)
	write(t, dir, "keyturn.yaml", "\n"+text)
	o := next(t, calls)
	fresh := mustLoad(t, dir, "\n"+text)
	if o.err != nil || o.cfg.Fingerprint() != fresh.Fingerprint() || !difference(fresh, o.cfg).Empty() {
		t.Errorf("%v: it differs: %+v", o.err, difference(fresh, o.cfg))
	}
	if got := ids(difference(first, o.cfg).Changed); got != "gone policy verify when" {
		t.Errorf("changed: %s", got)
	}
	for cred := range fresh.Credentials() {
		file, line := fresh.Where(cred.ID)
		if gotFile, got := o.cfg.Where(cred.ID); gotFile != file || got != line {
			t.Errorf("%s is said to stand at %s:%d, not %s:%d", cred.ID, gotFile, got, file, line)
		}
	}
	again <- syscall.SIGHUP // the next one starts from this one
	if o := next(t, calls); o.err != nil || !difference(fresh, o.cfg).Empty() {
		t.Errorf("and again: %+v", o)
	}
}

func TestAConfigurationIsFreedOnceAnotherIsInForce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	again := make(chan os.Signal)
	// Not in this frame, which could hold it.
	first, calls := func() (weak.Pointer[config.Config], <-chan outcome) {
		cfg := mustLoad(t, dir, fleet)
		return weak.Make(cfg), watch(t, cfg, again)
	}()
	for range 2 {
		again <- syscall.SIGHUP
		second := weak.Make(next(t, calls).cfg)
		for i := 0; i < 100 && first.Value() != nil; i++ {
			runtime.GC()
		}
		if first.Value() != nil {
			t.Fatal("it is still held")
		}
		first = second
	}
}
