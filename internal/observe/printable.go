package observe

import (
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Printable returns s in a form that is safe in a terminal, a log and a table: on one line, with nothing that a terminal
// obeys. Control and format characters (escape sequences, line ends, tabs, direction marks) become \uXXXX, which a JSON
// string reads back as the same character; bytes that are not UTF-8 become U+FFFD. All text from outside passes through
// here, because Redis, Vault or a provider's answer may hold anything.
func Printable(s string) string {
	if !strings.ContainsFunc(s, unprintable) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !unprintable(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			escape(&b, high)
			escape(&b, low)
		default:
			escape(&b, r)
		}
	}
	return b.String()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

func escape(b *strings.Builder, r rune) {
	const digits = "0123456789abcdef"
	b.WriteString(`\u`)
	for shift := 12; shift >= 0; shift -= 4 {
		b.WriteByte(digits[r>>shift&0xf])
	}
}

// NewPrintable returns a writer that passes text on to w through Printable, line by line: line ends are its own. It is
// the last step before a terminal or a log, so that an unforeseen text is harmless too. Safe for concurrent use.
func NewPrintable(w io.Writer) io.Writer { return &printableWriter{w: w} }

type printableWriter struct {
	w io.Writer

	mu   sync.Mutex
	rest []byte // the beginning of a character whose end has not been written yet
}

// Write implements io.Writer.
func (p *printableWriter) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := slices.Concat(p.rest, text)
	whole := len(all)
	for cut := 1; cut < utf8.UTFMax && cut <= len(all); cut++ {
		if last := all[len(all)-cut:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				whole -= cut
			}
			break
		}
	}
	p.rest = slices.Clone(all[whole:])
	if _, err := io.WriteString(p.w, printableLines(string(all[:whole]))); err != nil {
		return 0, err
	}
	return len(text), nil
}

func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = Printable(line)
	}
	return strings.Join(lines, "\n")
}
