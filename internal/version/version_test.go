package version

import (
	"runtime"
	"strings"
	"testing"
)

// TestAStampedProgramSaysItsRelease links what a release does; a test binary has no stamp of its own.
func TestAStampedProgramSaysItsRelease(t *testing.T) { //nolint:paralleltest // it sets what the linker would set
	version, revision, date = "v1.2.0", "4b825dc642cb", "2026-11-30T02:24:33Z"
	defer func() { version, revision, date = "", "", "" }()
	want := Build{Version: "v1.2.0", Revision: "4b825dc642cb", Date: "2026-11-30T02:24:33Z", Go: runtime.Version()}
	if got := Read(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	line := "v1.2.0 (commit 4b825dc642cb, 2026-11-30T02:24:33Z, " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH + ")"
	if got := Read().String(); got != line {
		t.Errorf("got %q, want %q", got, line)
	}
}

func TestAnUnstampedProgramDoesNotMakeUpAVersion(t *testing.T) {
	t.Parallel()
	b := Read()
	if b.Version == "" || strings.HasPrefix(b.Version, "v1.2.0") || b.Go == "" {
		t.Errorf("got %+v", b)
	}
	if line := (Build{Version: "(devel)", Go: "go1.26"}).String(); line != "(devel) (go1.26 "+runtime.GOOS+"/"+runtime.GOARCH+")" {
		t.Errorf("got %q", line)
	}
}
