package document

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Show writes each error and, where its file can be read, the place that it is about: the number of the line, the key and
// the value, and a mark under the column. It is for a person at a terminal. Nothing else of the line is shown, and no
// value that may be a secret in the wrong place.
func Show(w io.Writer, list []*Error) error {
	sources := lines(list)
	for _, e := range list {
		text := e.Error() + "\n" + e.excerpt(sources[sourceLine{e.File, e.Line}])
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

// sourceLine names a line of a file.
type sourceLine struct {
	file string
	line int
}

// lines reads the lines that the errors are about.
func lines(list []*Error) map[sourceLine]string {
	wanted := map[string]int{} // the last line of each file
	found := map[sourceLine]string{}
	for _, e := range list {
		if e.Line > 0 {
			wanted[e.File] = max(wanted[e.File], e.Line)
			found[sourceLine{e.File, e.Line}] = ""
		}
	}
	for file, last := range wanted {
		f, err := os.Open(file)
		if err != nil {
			continue
		}
		scanner := bufio.NewScanner(f)
		scanner.Buffer(make([]byte, 64<<10), maxLine)
		for n := 1; n <= last && scanner.Scan(); n++ {
			if _, ok := found[sourceLine{file, n}]; ok {
				found[sourceLine{file, n}] = strings.TrimPrefix(scanner.Text(), "\ufeff")
			}
		}
		_ = f.Close()
	}
	return found
}

// widest is how much of a key or a value is shown, in characters.
const widest = 60

// excerpt is the key before the error's column, what stands there, and a mark under it.
func (e *Error) excerpt(line string) string {
	at := e.offset(line)
	if line == "" || at < 0 || at >= len(line) {
		return ""
	}
	before, token := line[:at], tokenAt(line[at:])
	key := before[keyStart(before):]
	indent := before[:len(before)-len(strings.TrimLeft(before, " \t-"))]
	if len(key) > len(before)-len(indent) || strings.TrimSpace(before[len(indent):]) == strings.TrimSpace(key) {
		key = before[len(indent):]
	} else {
		indent += "… "
	}
	marks := strings.Repeat("~", max(0, utf8.RuneCountInString(clip(token))-1))
	switch {
	case e.look == lookPlace:
		token, marks = "…", ""
	case at+len(token) < len(strings.TrimRight(line, " \t\r")):
		token = clip(token) + " …"
	default:
		token = clip(token)
	}
	number := strconv.Itoa(e.Line)
	margin := strings.Repeat(" ", len(number))
	shown := blank(indent + key)
	return fmt.Sprintf("  %s | %s%s\n  %s | %s^%s\n", number, shown, blank(token), margin, strings.Repeat(" ", utf8.RuneCountInString(shown)), marks)
}

// offset turns the column into a place in line. YAML counts characters, the other formats bytes.
func (e *Error) offset(line string) int {
	switch strings.ToLower(filepath.Ext(e.File)) {
	case ".csv", ".jsonl", ".ndjson":
		return e.Column - 1
	}
	characters := e.Column - 1
	for i := range line {
		if characters == 0 {
			return i
		}
		characters--
	}
	return -1
}

// keyStart is where the key begins whose value begins at the end of before; the end if there is none.
func keyStart(before string) int {
	trimmed := strings.TrimRight(before, " \t")
	name, ok := strings.CutSuffix(trimmed, ":")
	if !ok {
		return len(before)
	}
	name = strings.TrimRight(name, " \t")
	if rest, quoted := strings.CutSuffix(name, `"`); quoted {
		return max(0, strings.LastIndexByte(rest, '"'))
	}
	return strings.LastIndexAny(name, " \t{,[") + 1
}

// tokenAt is the key or the scalar that text begins with; of a list or a map only the bracket.
func tokenAt(text string) string {
	switch quote := text[0]; quote {
	case '{', '[':
		return text[:1]
	case '"', '\'':
		if end := strings.IndexByte(text[1:], quote); end >= 0 {
			return text[:end+2]
		}
		return text[:1]
	}
	end := len(text)
	for _, stop := range []string{",", "}", "]", ": ", " #", ":\t"} {
		if i := strings.Index(text, stop); i >= 0 {
			end = min(end, i)
		}
	}
	text = strings.TrimRight(text[:end], " \t\r")
	return strings.TrimSuffix(text, ":")
}

// clip shortens a token to what fits a line.
func clip(token string) string {
	if utf8.RuneCountInString(token) <= widest {
		return token
	}
	return string([]rune(token)[:widest])
}

// blank makes every character one column wide as far as can be told, and keeps those out that a terminal obeys.
func blank(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return '\u00b7'
	}, text)
}
