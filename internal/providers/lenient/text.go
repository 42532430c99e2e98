// Package lenient reads answers that are not quite what their provider documents. Services of this kind are often PHP,
// whose JSON comes behind a byte order mark or a warning, with 1 in place of true, inside a string, or cut.
//
// Two rules keep that safe. A password that an issuer shows is looked up in every wrapping (Answer), because a password
// that is not kept is lost. An answer that proves a success may have an odd wrapping (JSON, XML, Flag), but its contents
// must be exact.
package lenient

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// limit bounds a body that is unpacked, in bytes.
const limit = 1 << 20

const byteOrderMark = "\ufeff"

const padding = "\x00 \t\r\n" + byteOrderMark

// Plain returns body without byte order marks and padding at its ends. It ignores the character set that the answer
// declares: services declare UTF-16 above plain ASCII. Bytes that are not UTF-8 are read as Latin-1.
func Plain(body []byte) string {
	if !utf8.Valid(body) {
		return strings.Trim(latin1(body), padding)
	}
	return strings.Trim(string(body), padding)
}

// decode is Plain for every encoding that the bytes of body show, compressed ones included. It reports false if they show
// none, so that letters beyond ASCII are a guess.
func decode(body []byte) (text string, sure bool) {
	body = unpack(body)
	switch width, order := encoding(body); width {
	case 4:
		text, sure = wide(body, 4, func(unit []byte) rune { return rune(order.Uint32(unit)) }), true //nolint:gosec // an odd one becomes U+FFFD
	case 2:
		text, sure = utf16Text(body, order), true
	default:
		return Plain(body), utf8.Valid(body)
	}
	return strings.Trim(text, padding), sure
}

func latin1(body []byte) string {
	return wide(body, 1, func(unit []byte) rune { return rune(unit[0]) })
}

// unpack undoes a compression that keyturn did not ask for.
func unpack(body []byte) []byte {
	if !bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		return body
	}
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return body
	}
	if plain, _ := io.ReadAll(io.LimitReader(r, limit)); len(plain) > 0 {
		return plain // as far as it goes
	}
	return body
}

// encoding returns the width of a code unit in bytes, and its order where it is wider than one.
func encoding(body []byte) (width int, order binary.ByteOrder) {
	switch {
	case bytes.HasPrefix(body, []byte{0xff, 0xfe, 0, 0}):
		return 4, binary.LittleEndian
	case bytes.HasPrefix(body, []byte{0, 0, 0xfe, 0xff}):
		return 4, binary.BigEndian
	case bytes.HasPrefix(body, []byte{0xff, 0xfe}):
		return 2, binary.LittleEndian
	case bytes.HasPrefix(body, []byte{0xfe, 0xff}):
		return 2, binary.BigEndian
	}
	// Without a mark: ASCII in a wide encoding has a NUL at every other place.
	start := body[:min(len(body), 64)]
	var zero [4]int
	for i, b := range start {
		if b == 0 {
			zero[i%4]++
		}
	}
	each := max(2, len(start)/4-2)
	switch {
	case len(start) < 8:
		return 1, nil
	case zero[1] >= each && zero[2] >= each && zero[3] >= each && zero[0] == 0:
		return 4, binary.LittleEndian
	case zero[0] >= each && zero[1] >= each && zero[2] >= each && zero[3] == 0:
		return 4, binary.BigEndian
	case zero[1] >= each && zero[3] >= each && zero[0] == 0:
		return 2, binary.LittleEndian
	case zero[0] >= each && zero[2] >= each && zero[1] == 0:
		return 2, binary.BigEndian
	}
	return 1, nil
}

func wide(body []byte, width int, unit func([]byte) rune) string {
	var b strings.Builder
	for ; len(body) >= width; body = body[width:] {
		b.WriteRune(unit(body[:width]))
	}
	return b.String()
}

func utf16Text(body []byte, order binary.ByteOrder) string {
	units := make([]uint16, 0, len(body)/2)
	for ; len(body) >= 2; body = body[2:] {
		units = append(units, order.Uint16(body))
	}
	return string(utf16.Decode(units))
}
