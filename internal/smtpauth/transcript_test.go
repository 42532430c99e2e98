package smtpauth

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation"
)

// transcript is a conversation of testdata/transcripts.txt.
type transcript struct {
	name, want string
	lines      []string
}

func transcripts(t *testing.T) []transcript {
	t.Helper()
	text, err := os.ReadFile("testdata/transcripts.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []transcript
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "== "):
			name, want, ok := strings.Cut(line[3:], " | ")
			if !ok {
				t.Fatalf("%q names no outcome", line)
			}
			all = append(all, transcript{name: name, want: want})
		case line == "" || line[0] == '#':
		default:
			last := &all[len(all)-1]
			last.lines = append(last.lines, line)
		}
	}
	return all
}

// mode is how the conversation is encrypted.
func (s transcript) mode() TLSMode {
	if s.lines[0] == "tls" {
		return ImplicitTLS
	}
	return StartTLS
}

// play is the server's side. It fails where the client says something else, or anything after the end.
func (s transcript) play(conn net.Conn, config *tls.Config) error {
	in := bufio.NewReader(conn)
	for _, line := range s.lines {
		switch {
		case line == "tls":
			conn = tls.Server(conn, config)
			in = bufio.NewReader(conn)
		case strings.HasPrefix(line, "S: "):
			if _, err := io.WriteString(conn, line[3:]+"\r\n"); err != nil {
				return err
			}
		case strings.HasPrefix(line, "C: "):
			said, err := in.ReadString('\n')
			if err != nil {
				return err
			}
			said = strings.TrimSuffix(said, "\r\n")
			start, any := strings.CutSuffix(line[3:], "*")
			if said != start && (!any || !strings.HasPrefix(said, start)) {
				return fmt.Errorf("the client says %q, not %q", strings.Fields(said)[0], line[3:])
			}
		default:
			return fmt.Errorf("what is %q?", line)
		}
	}
	rest, err := io.ReadAll(in)
	if !strings.HasPrefix(s.lines[len(s.lines)-1], "S: 5") && len(rest) > 0 {
		return fmt.Errorf("the client goes on after the end: %q", rest)
	}
	return err
}

// replay serves the conversation once and returns its result.
func (s transcript) replay(t *testing.T) (rotation.Verdict, error) {
	t.Helper()
	serverTLS, pool := authority(t)
	l := listen(t)
	played := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			played <- err
			return
		}
		err = s.play(conn, serverTLS)
		played <- errors.Join(err, conn.Close())
	}()
	server := newServer(t, Config{Addr: l.Addr().String(), TLS: s.mode(), CA: pool, Timeout: 10 * time.Second})
	verdict, err := server.Verify(t.Context(), user, password())
	if err := <-played; err != nil {
		t.Errorf("the server: %v", err)
	}
	_ = l.Close()
	return verdict, err
}

func TestRealServersAreUnderstood(t *testing.T) {
	t.Parallel()
	for _, s := range transcripts(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			verdict, err := s.replay(t)
			noSecret(t, err)
			switch s.want {
			case "works", "refused":
				if verdict.String() != s.want || err != nil {
					t.Errorf("%v, %v; want %s", verdict, err, s.want)
				}
			default:
				if verdict != rotation.Unknown || err == nil || !strings.Contains(err.Error(), s.want) {
					t.Errorf("%v, %v; want %v with %q", verdict, err, rotation.Unknown, s.want)
				}
			}
		})
	}
}
