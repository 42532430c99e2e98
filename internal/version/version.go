// Package version is what a program knows about how it was built.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// A release is stamped by the linker (lab/release, Dockerfile); nothing else writes these.
var (
	version  string
	revision string
	date     string
)

// Build is how a program was built.
type Build struct {
	Version  string // of the release, for instance v1.2.0; "(devel)" of a build from a checkout
	Revision string // of the commit, "" if unknown; "+dirty" at its end if the checkout was changed
	Date     string // of the commit, RFC 3339; "" if unknown
	Go       string // version of Go
}

// Read reads it from the program itself.
func Read() Build {
	b := Build{Version: version, Revision: revision, Date: date, Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if b.Version != "" || !ok {
		return b.orUnknown()
	}
	b.Version = info.Main.Version
	dirty := ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Date = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				dirty = "+dirty"
			}
		}
	}
	if b.Revision != "" {
		b.Revision += dirty
	}
	return b.orUnknown()
}

func (b Build) orUnknown() Build {
	if b.Version == "" {
		b.Version = "(unknown)"
	}
	return b
}

// String is one line for people: "v1.2.0 (commit 4b825dc642cb, 2026-11-30T02:24:33Z, go1.26.0 linux/amd64)".
func (b Build) String() string {
	var about []string
	if b.Revision != "" {
		about = append(about, "commit "+b.Revision)
	}
	if b.Date != "" {
		about = append(about, b.Date)
	}
	about = append(about, b.Go+" "+runtime.GOOS+"/"+runtime.GOARCH)
	return fmt.Sprintf("%s (%s)", b.Version, strings.Join(about, ", "))
}
