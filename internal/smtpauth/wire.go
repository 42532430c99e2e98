package smtpauth

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// What a server may say in one probe. It can speak before TLS and endlessly, so every reader has a limit.
const (
	mostText = 64 << 10  // of SMTP, before and after STARTTLS together
	mostRaw  = 512 << 10 // on the wire: the text, and a TLS handshake with a long chain of certificates
)

var (
	errMalformed = errors.New("the server's reply is malformed")
	errTooLong   = fmt.Errorf("the server sent more than %d KiB in one conversation", mostText>>10)
	errInjected  = errors.New("the server sent plain text after its answer to STARTTLS")
)

// metered is a connection that ends after so many bytes were read.
type metered struct {
	net.Conn
	left int
}

func (m *metered) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, errTooLong
	}
	n, err := m.Conn.Read(p[:min(len(p), m.left)])
	m.left -= n
	return n, err
}

// wire is one side of an SMTP conversation: whole commands out, whole replies in.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	left int // bytes of text that the server may still say
}

func newWire(conn net.Conn) *wire {
	w := &wire{left: mostText}
	w.use(conn)
	return w
}

// use goes on over another connection, with what is left of the limit.
func (w *wire) use(conn net.Conn) { w.conn, w.in = conn, bufio.NewReaderSize(conn, 4<<10) }

// send writes one line.
func (w *wire) send(line []byte) error {
	_, err := w.conn.Write(append(line, '\r', '\n'))
	return err
}

// ask sends one line and reads the answer to it.
func (w *wire) ask(line string) (reply, error) {
	if err := w.send([]byte(line)); err != nil {
		return reply{}, err
	}
	return w.read()
}

// line reads one line without its end. Servers end lines with LF alone, too.
func (w *wire) line() (string, error) {
	var text strings.Builder
	for {
		part, err := w.in.ReadSlice('\n')
		if w.left -= len(part); w.left < 0 {
			return "", errTooLong
		}
		text.Write(part)
		switch {
		case err == nil:
			return strings.TrimRight(text.String(), "\r\n"), nil
		case errors.Is(err, io.EOF) && text.Len() > 0:
			return "", io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}

// read reads one reply with all of its lines.
func (w *wire) read() (reply, error) {
	var r reply
	for {
		line, err := w.line()
		if err != nil {
			return reply{}, err
		}
		code, text, more, ok := cut(line)
		if !ok || (r.code != 0 && code != r.code) {
			return reply{}, errMalformed
		}
		r.code, r.lines = code, append(r.lines, text)
		if !more {
			r.status = statusOf(r)
			return r, nil
		}
	}
}

// cut takes a line of a reply apart: "250-text", "250 text" or "250".
func cut(line string) (code int, text string, more, ok bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' {
		return 0, "", false, false
	}
	for _, digit := range []byte(line[:3]) {
		if digit < '0' || digit > '9' {
			return 0, "", false, false
		}
		code = code*10 + int(digit-'0')
	}
	switch rest := line[3:]; {
	case rest == "":
		return code, "", false, true
	case rest[0] == ' ' || rest[0] == '\t':
		return code, rest[1:], false, true
	case rest[0] == '-':
		return code, rest[1:], true, true
	}
	return 0, "", false, false
}
