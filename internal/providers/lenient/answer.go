package lenient

import (
	"html"
	"regexp"
	"strings"
	"unicode/utf8"

	"keyturn/internal/secret"
)

// maxReadings bounds how many wrappings are taken off.
const maxReadings = 6

// Answer is the body of a reply in which fields are looked up by name, wherever they are and however they are wrapped:
// behind warnings, in one of two documents, in a JSON string within JSON, in HTML entities, in XML, in half a document.
// It must not be printed: it holds what the reply holds.
type Answer struct {
	readings []string // the body as it came, then with one wrapping after another taken off
	decoded  bool     // false: letters beyond ASCII are a guess
}

// Read reads a body, which may be cut.
func Read(body []byte) Answer {
	text, sure := decode(body)
	a := Answer{readings: []string{text}, decoded: sure}
	for i := 0; i < len(a.readings) && len(a.readings) < maxReadings; i++ {
		this := a.readings[i]
		if strings.Contains(this, `\"`) {
			a.readings = append(a.readings, unescape(this))
		}
		if strings.Contains(this, "&quot;") || strings.Contains(this, "&#34;") || strings.Contains(this, "&#x22;") {
			a.readings = append(a.readings, html.UnescapeString(this))
		}
	}
	return a
}

// Secret returns the value of the first of names that the answer has; zero if it has none, or if the value is cut off.
// sure is false if the value may not be the password, so that it counts only once it has been seen to work: there are
// two different values, or the wrapping may have changed it.
func (a Answer) Secret(names ...string) (value secret.Value, sure bool) {
	for _, name := range names {
		for _, reading := range a.readings {
			hits := keep(append(scan(reading, fold(name)), elements(reading, name)...), passable)
			if len(hits) == 0 {
				continue
			}
			best := nearest(hits)
			text := strings.Trim(html.UnescapeString(best.text), "\x00\r\n")
			sure := best.plain && text == best.text && alike(hits) && (a.decoded || ascii(text))
			return secret.New(text), sure
		}
	}
	return secret.Value{}, false
}

// Text returns the value of a field, "" if there is none.
func (a Answer) Text(name string) string {
	for _, reading := range a.readings {
		if hits := append(scan(reading, fold(name)), elements(reading, name)...); len(hits) > 0 {
			return strings.TrimSpace(nearest(hits).text)
		}
	}
	return ""
}

// Flag returns a field that is true or false in any spelling; "" if it is missing, means neither, or means both.
func (a Answer) Flag(name string) Flag {
	for _, reading := range a.readings {
		hits := append(scan(reading, fold(name)), elements(reading, name)...)
		if len(hits) == 0 {
			continue
		}
		flag := ParseFlag(hits[0].text)
		for _, h := range hits[1:] {
			if ParseFlag(h.text) != flag {
				return ""
			}
		}
		return flag
	}
	return ""
}

// elements finds <name>value</name>.
func elements(text, name string) []hit {
	if !strings.Contains(text, "</") {
		return nil
	}
	word := regexp.QuoteMeta(name)
	word = strings.ReplaceAll(word, "_", "[_-]?")
	form := regexp.MustCompile(`(?i)<` + word + `(?:\s[^<>]*)?>\s*(?:<!\[CDATA\[([^<]*)\]\]>|([^<>]*))\s*</` + word + `\s*>`)
	var hits []hit
	for _, found := range form.FindAllStringSubmatch(text, -1) {
		hits = append(hits, hit{text: found[1] + html.UnescapeString(found[2]), plain: true})
	}
	return hits
}

func keep(hits []hit, fit func(hit) bool) []hit {
	var kept []hit
	for _, h := range hits {
		if fit(h) {
			kept = append(kept, h)
		}
	}
	return kept
}

// passable reports whether a value can be a password: it is not empty, not masked, and not a JSON literal.
func passable(h hit) bool {
	text := strings.Trim(h.text, "\x00\r\n")
	switch {
	case text == "" || len(text) > longestValue || strings.Trim(text, "*•●") == "":
		return false
	case h.plain:
		return true
	}
	return text != "null" && text != "true" && text != "false"
}

// nearest is the hit with the fewest braces around it, the last of several: it comes from the later answer.
func nearest(hits []hit) hit {
	best := hits[0]
	for _, h := range hits[1:] {
		if h.depth <= best.depth {
			best = h
		}
	}
	return best
}

func alike(hits []hit) bool {
	for _, h := range hits[1:] {
		if h.text != hits[0].text {
			return false
		}
	}
	return true
}

func ascii(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}
