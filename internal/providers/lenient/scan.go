package lenient

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	longestKey   = 64   // bytes of a field's name, quotes not counted
	longestValue = 4096 // bytes of a value: a longer one is not a password
)

// hit is a field of the wanted name, wherever it stood.
type hit struct {
	text  string
	depth int  // of braces and brackets around it
	plain bool // a string as JSON knows it, which can be read in one way only
}

// scan finds every `"name": value` in text. It does not parse text as a whole: each quote may begin a name, so that
// neither what stands before, nor a quote too many, nor a missing end hides a field. Names are compared without regard
// to case, '_' and '-'.
func scan(text, name string) []hit {
	var hits []hit
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"', '\'':
			n := named(text[i:], name)
			if n == 0 {
				continue
			}
			if h, ok := valueOf(text[i+n:]); ok {
				h.depth = depth
				hits = append(hits, h)
			}
		}
	}
	return hits
}

// named returns the length of the quoted name that text begins with, 0 if that is another one. Most quotes begin no name,
// so it gives up at the first letter that differs.
func named(text, name string) int {
	for i, left := 1, name; i < len(text) && i <= longestKey; i++ {
		c := text[i]
		switch {
		case c == '\\':
			if key, n, _ := quoted(text, longestKey); n > 0 && fold(key) == name {
				return n
			}
			return 0
		case c == text[0] && left == "":
			return i + 1
		case c == '_' || c == '-' || c == ' ':
		case left == "" || c|0x20 != left[0]:
			return 0
		default:
			left = left[1:]
		}
	}
	return 0
}

var separators = strings.NewReplacer("_", "", "-", "", " ", "")

// fold makes the spellings of a field's name equal: new_password, newPassword, New-Password.
func fold(name string) string {
	return strings.ToLower(separators.Replace(name))
}

// valueOf reads what stands behind a name: ':' and a string, number or word, also as the first of a list.
func valueOf(text string) (hit, bool) {
	text = strings.TrimLeft(text, " \t\r\n")
	rest, ok := strings.CutPrefix(text, ":")
	if !ok {
		if rest, ok = strings.CutPrefix(text, "=>"); !ok {
			return hit{}, false
		}
	}
	bare := strings.TrimLeft(rest, " \t\r\n[")
	if bare == "" {
		return hit{}, false
	}
	if bare[0] == '"' || bare[0] == '\'' {
		value, n, plain := quoted(bare, longestValue)
		if n == 0 {
			return hit{}, false // it breaks off
		}
		if !ends(bare[n:]) {
			value, plain = loose(bare, value), false
		}
		return hit{text: value, plain: plain && bare[0] == '"'}, true
	}
	end := strings.IndexAny(bare, ",}] \t\r\n")
	if end <= 0 || end > longestValue {
		return hit{}, false // the rest of a number that breaks off is unknown
	}
	word := bare[:end]
	return hit{text: word}, strings.IndexByte("{<&", word[0]) < 0
}

// ends reports whether a value may end where rest begins.
func ends(rest string) bool {
	rest = strings.TrimLeft(rest, " \t\r\n")
	return rest == "" || strings.IndexByte(",}])", rest[0]) >= 0
}

// loose reads a string that holds its own quote unescaped: it ends at the first quote behind which a value may end.
func loose(text, short string) string {
	quote := text[0]
	line := text[1:min(len(text), longestKey*4)]
	for i := range len(line) {
		if line[i] == '\n' {
			break
		}
		if line[i] == quote && ends(line[i+1:]) && i+1 < len(line) {
			return unescape(line[:i])
		}
	}
	return short
}

// quoted reads the string that text begins with, and returns it with its length in text: 0 if it has no end within
// longest bytes. plain reports that every escape in it is one of JSON's.
func quoted(text string, longest int) (value string, n int, plain bool) {
	quote := text[0]
	for i := 1; i < len(text) && i <= longest; i++ {
		switch text[i] {
		case '\\':
			i++
		case quote:
			raw := text[1:i]
			value = unescape(raw)
			return value, i + 1, value == raw || strictEscapes(raw)
		}
	}
	return "", 0, false
}

// strictEscapes reports whether raw is the inside of a valid string of JSON.
func strictEscapes(raw string) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if i >= len(raw) || strings.IndexByte(`"\/bfnrtu`, raw[i]) < 0 {
			return false
		}
		if _, ok := codeUnit(raw[i-1:]); raw[i] == 'u' && !ok {
			return false
		}
	}
	return true
}

// codeUnit reads \uXXXX at the beginning of text.
func codeUnit(text string) (rune, bool) {
	if len(text) < 6 || text[:2] != `\u` {
		return 0, false
	}
	unit, err := strconv.ParseUint(text[2:6], 16, 16)
	return rune(unit), err == nil
}

var escapes = map[byte]string{'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t"}

// unescape undoes JSON's escapes once. A backslash before anything else is dropped, as PHP's addslashes puts it there.
func unescape(raw string) string {
	if !strings.Contains(raw, `\`) {
		return raw
	}
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			b.WriteByte(raw[i])
			continue
		}
		if unit, ok := codeUnit(raw[i:]); ok {
			i += 5
			if second, ok := codeUnit(raw[i+1:]); ok && utf16.IsSurrogate(unit) {
				if unit = utf16.DecodeRune(unit, second); unit != utf8.RuneError {
					i += 6
				}
			}
			b.WriteRune(unit)
			continue
		}
		i++
		if text, ok := escapes[raw[i]]; ok {
			b.WriteString(text)
		} else {
			b.WriteByte(raw[i])
		}
	}
	return b.String()
}
