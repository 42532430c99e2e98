package document

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// maxLine is the longest line of JSON Lines, in bytes.
const maxLine = 1 << 20

// JSONLines calls each with the value of each line. The value, its children and its texts last until the next line is read:
// what is kept of a text must be a copy, or it keeps the line.
func JSONLines(f *File, r io.Reader, each func(*Value)) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	p := jsonLine{file: f}
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimPrefix(lines.Text(), "\ufeff")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if v, ok := p.parse(line, n); ok {
			each(v)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		f.failAt(position{n + 1, 1}, "", "the line is longer than %d bytes", maxLine)
	case err != nil:
		f.failAt(position{n + 1, 1}, "", "%v", Cause(err))
	}
}
