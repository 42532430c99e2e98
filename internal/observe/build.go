package observe

import "runtime/debug"

// Build is what a program knows about how it was built.
type Build struct {
	Version  string // of the module, "(devel)" from a checkout
	Revision string // of the commit, "" if unknown; "+dirty" at its end if the checkout was changed
	Go       string // version of Go
}

// ReadBuild reads it from the program itself.
func ReadBuild() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Build{Version: "(unknown)"}
	}
	b := Build{Version: info.Main.Version, Go: info.GoVersion}
	dirty := ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				dirty = "+dirty"
			}
		}
	}
	if b.Revision != "" {
		b.Revision += dirty
	}
	return b
}
