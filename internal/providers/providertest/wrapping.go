package providertest

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"html"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Fate is what becomes of a password that an issuer shows.
type Fate string

// The fates.
const (
	// Kept: it is in the journal before anything else, and counts as the issuer's answer says.
	Kept Fate = "kept"
	// Unproven: it is in the journal before anything else. It reaches consumers once it was seen to log in; without a
	// verifier another one is issued.
	Unproven Fate = "kept, and proven or issued again"
	// Lost: the reply does not hold the whole password, and the call is in doubt.
	Lost Fate = "lost: in doubt, another one is issued"
)

// Wrapping is one way in which a service may spoil the answer that its page documents.
type Wrapping struct {
	Name string
	Fate Fate
	// Wrap makes the answer. body is the documented one, which shows password once, in the field of that name.
	Wrap func(body, field, password string) Answer
}

// Password stands in the fixtures of issuers.
const Password = "new-generated-password"

const warning = "<br />\n<b>Warning</b>:  Undefined array key \"password\" in <b>/srv/app/api.php</b> on line <b>12</b><br />\n"

// Wrappings are the ways that the tests know. docs/providers/wrappings.md shows them.
func Wrappings() []Wrapping {
	text := func(spoil func(body, field, password string) string) func(body, field, password string) Answer {
		return func(body, field, password string) Answer { return Answer{Body: spoil(body, field, password)} }
	}
	around := func(before, after string) func(body, field, password string) Answer {
		return text(func(body, _, _ string) string { return before + body + after })
	}
	instead := func(value string) func(body, field, password string) Answer {
		return text(func(body, _, password string) string { return strings.Replace(body, `"`+password+`"`, value, 1) })
	}
	return append(inPieces(text), []Wrapping{
		{"as documented", Kept, around("", "")},
		{"a byte order mark before it", Kept, around("\ufeff", "")},
		{"two byte order marks", Kept, around("\ufeff\ufeff", "")},
		{"blank lines before and after", Kept, around("\r\n\r\n", "\n\n")},
		{"NULs behind it", Kept, around("", strings.Repeat("\x00", 64))},
		{"a PHP warning before it", Kept, around(warning, "")},
		{"a PHP warning behind it", Kept, around("", warning)},
		{"a warning with a single quotation mark", Kept, around("Notice: unexpected '\"' in line 3\n", "")},
		{"garbage behind it", Kept, around("", "}]0 OK")},
		{"in an HTML page", Kept, around("<html><body><pre>", "</pre></body></html>")},
		{"as JSONP", Kept, around("callback(", ");")},
		{"in a list", Kept, around("[", "]")},
		{"nested elsewhere", Kept, around(`{"result":{"payload":[`, `]}}`)},
		{"another status of success", Kept, func(body, _, _ string) Answer { return Answer{Status: 201, Body: body} }},
		{"a content type of text/html", Kept, typed("text/html; charset=utf-8")},
		{"UTF-8 that says UTF-16", Kept, typed("application/json; charset=utf-16")},
		{"UTF-16 with a mark", Kept, text(func(body, _, _ string) string { return utf16Body("\ufeff"+body, binary.LittleEndian) })},
		{"UTF-16 without one", Kept, text(func(body, _, _ string) string { return utf16Body(body, binary.BigEndian) })},
		{"packed without being asked", Kept, text(func(body, _, _ string) string { return packed(body) })},
		{"JSON in a string of JSON", Kept, text(func(body, _, _ string) string { return quoted(body) })},
		{"JSON in a string in a string", Kept, text(func(body, _, _ string) string { return quoted(quoted(body)) })},
		{"JSON in a field", Kept, text(func(body, _, _ string) string { return `{"status":"ok","body":` + quoted(body) + `}` })},
		{"every quotation mark an HTML entity", Kept, text(func(body, _, _ string) string { return html.EscapeString(body) })},
		{"two documents with the same password", Kept, text(func(body, _, _ string) string { return body + body })},
		{"two documents with two passwords", Unproven, text(func(body, _, password string) string {
			return strings.Replace(body, password, "an-earlier-password", 1) + "\n" + body
		})},
		{"the password in a list", Kept, instead(`["` + Password + `"]`)},
		{"the password with a NUL behind it", Unproven, instead(`"` + Password + `\u0000"`)},
		{"the password with a line end behind it", Unproven, instead(`"` + Password + `\n"`)},
		{"the password with escapes that JSON does not have", Unproven, instead(`"new\-generated\-password"`)},
		{"the password in single quotes", Unproven, instead(`'` + Password + `'`)},
		{"an empty password", Lost, instead(`""`)},
		{"no password", Lost, instead(`null`)},
		{"a masked password", Lost, instead(`"********"`)},
	}...)
}

// inPieces are the wrappings that depend on where the password stands.
func inPieces(text func(func(body, field, password string) string) func(body, field, password string) Answer) []Wrapping {
	rename := func(to string) func(body, field, password string) Answer {
		return text(func(body, field, _ string) string { return strings.Replace(body, `"`+field+`"`, `"`+to+`"`, 1) })
	}
	cut := func(back int) func(body, field, password string) Answer {
		return text(func(body, _, password string) string {
			return body[:strings.Index(body, password)+len(password)+back]
		})
	}
	broken := func(back int) func(body, field, password string) Answer {
		return func(body, _, password string) Answer {
			end := strings.Index(body, password) + len(password) + back
			return Answer{Header: map[string]string{"Content-Length": strconv.Itoa(len(body))}, Body: body[:end]}
		}
	}
	return []Wrapping{
		{"called password", Kept, rename("password")},
		{"called newPassword", Kept, rename("newPassword")},
		{"cut behind the password", Unproven, cut(1)},
		{"a connection that breaks behind the password", Unproven, broken(1)},
		{"cut within the password", Lost, cut(-3)},
		{"a connection that breaks within the password", Lost, broken(-3)},
	}
}

func typed(kind string) func(body, field, password string) Answer {
	return func(body, _, _ string) Answer {
		return Answer{Header: map[string]string{"Content-Type": kind}, Body: body}
	}
}

func quoted(body string) string {
	text, _ := json.Marshal(body)
	return string(text)
}

func utf16Body(text string, order binary.ByteOrder) string {
	var b bytes.Buffer
	_ = binary.Write(&b, order, utf16.Encode([]rune(text)))
	return b.String()
}

func packed(body string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(body))
	_ = w.Close()
	return b.String()
}
