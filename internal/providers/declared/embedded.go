package declared

import (
	"bytes"
	"embed"
	"io/fs"
	"sync"
)

//go:embed *.yaml skeleton/*.yaml
var files embed.FS

// Embedded returns the descriptions that keyturn has with it, in the order of their codes, which are the names of their
// files. A test holds that all of them can be read.
func Embedded() []*Description { return embedded() }

var embedded = sync.OnceValue(func() []*Description {
	var all []*Description
	for _, name := range EmbeddedNames() {
		if d, err := ReadEmbedded(name); err == nil {
			all = append(all, d)
		}
	}
	return all
})

// EmbeddedNames are the names of the files.
func EmbeddedNames() []string {
	names, _ := fs.Glob(files, "*.yaml") // the pattern is valid, and in memory nothing else can go wrong
	return names
}

// ReadEmbedded reads one of them.
func ReadEmbedded(name string) (*Description, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return Read(name, text)
}

// Modes are what Skeleton knows.
func Modes() []string { return []string{"setter", "issuer", "minter"} }

// Skeleton is a description to begin with: all that a mode has, with comments. It passes its own examples.
func Skeleton(code, mode string) ([]byte, error) {
	text, err := files.ReadFile("skeleton/" + mode + ".yaml")
	if err != nil {
		return nil, err
	}
	text = bytes.Replace(text, []byte("code: CODE"), []byte("code: "+code), 1)
	_, err = Read("skeleton", text)
	return text, err
}
