package document

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// string parses a string in double quotes. Without an escape the result is a part of the line.
func (p *jsonLine) string() (string, *fault) {
	p.pos++
	start := p.pos
	for ; p.pos < len(p.line); p.pos++ {
		switch c := p.line[p.pos]; {
		case c == '"':
			p.pos++
			return p.line[start : p.pos-1], nil
		case c == '\\':
			return p.escaped(p.line[start:p.pos])
		case c < ' ':
			return "", p.wrong("a control character in a string")
		}
	}
	return "", p.wrong("a string without an end")
}

// escaped goes on after the part of a string that holds no escape.
func (p *jsonLine) escaped(before string) (string, *fault) {
	b := []byte(before)
	for p.pos < len(p.line) {
		c := p.line[p.pos]
		switch {
		case c == '"':
			p.pos++
			return string(b), nil
		case c < ' ':
			return "", p.wrong("a control character in a string")
		case c != '\\':
			b = append(b, c)
			p.pos++
			continue
		case p.pos+1 == len(p.line):
			return "", p.wrong("a string without an end")
		}
		letter := p.line[p.pos+1]
		if letter == 'u' {
			r, err := p.unicode()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, r)
			continue
		}
		i := strings.IndexByte(`"\/bfnrt`, letter)
		if i < 0 {
			return "", p.wrong("an unknown escape")
		}
		b = append(b, "\"\\/\b\f\n\r\t"[i])
		p.pos += 2
	}
	return "", p.wrong("a string without an end")
}

// unicode parses \uXXXX, or two of them that make one character. A half of such a pair becomes U+FFFD.
func (p *jsonLine) unicode() (rune, *fault) {
	first, ok := p.hex(p.pos)
	if !ok {
		return 0, p.wrong("want four hexadecimal digits after \\u")
	}
	p.pos += 6
	if !utf16.IsSurrogate(first) {
		return first, nil
	}
	if second, ok := p.hex(p.pos); ok {
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			p.pos += 6
			return r, nil
		}
	}
	return utf8.RuneError, nil
}

// hex reads \uXXXX at a position.
func (p *jsonLine) hex(at int) (rune, bool) {
	if at+6 > len(p.line) || p.line[at] != '\\' || p.line[at+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(p.line[at+2:at+6], 16, 16)
	return rune(n), err == nil
}

// number parses a number as JSON spells it and returns it as written.
func (p *jsonLine) number() (string, *fault) {
	start := p.pos
	if p.line[p.pos] == '-' {
		p.pos++
	}
	lead := p.pos
	if n := p.digits(); n == 0 || n > 1 && p.line[lead] == '0' {
		return "", p.wrong("not a number")
	}
	if p.pos < len(p.line) && p.line[p.pos] == '.' {
		p.pos++
		if p.digits() == 0 {
			return "", p.wrong("not a number")
		}
	}
	if p.pos < len(p.line) && p.line[p.pos]|0x20 == 'e' {
		p.pos++
		if p.pos < len(p.line) && strings.IndexByte("+-", p.line[p.pos]) >= 0 {
			p.pos++
		}
		if p.digits() == 0 {
			return "", p.wrong("not a number")
		}
	}
	return p.line[start:p.pos], nil
}

// digits skips digits and returns how many there were.
func (p *jsonLine) digits() int {
	start := p.pos
	for p.pos < len(p.line) && '0' <= p.line[p.pos] && p.line[p.pos] <= '9' {
		p.pos++
	}
	return p.pos - start
}
