package secret

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// MaxFile is how long a file of a secret may be, in bytes: a longer one is a mistake.
const MaxFile = 64 << 10

// ReadFile returns the text of a file as it is now. Its errors hold nothing of it.
func ReadFile(path string) (Value, error) {
	f, err := os.Open(path)
	if err != nil {
		return Value{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	switch {
	case err != nil:
		return Value{}, err
	case len(data) > MaxFile:
		return Value{}, fmt.Errorf("file %s is longer than %d bytes", path, MaxFile)
	}
	return New(string(data)), nil
}

// Trim returns v without what editors, shells and mounts add: a byte order mark before it and line ends behind it. Blanks
// stay, because they may belong to a password.
func (v Value) Trim() Value {
	return New(strings.TrimRight(strings.TrimPrefix(v.Reveal(), "\ufeff"), "\r\n"))
}
