package smtpauth

import (
	"encoding/base64"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keyturn/internal/rotation"
)

// FuzzConversation lets a server say anything. It can never make keyturn believe more than it said, nor repeat what it was
// sent.
func FuzzConversation(f *testing.F) {
	const greeting, extensions = "220 hello", "250-hello\r\n250 AUTH PLAIN LOGIN"
	for _, auth := range []string{"235 yes", "535 5.7.8 no", "454 later", "334 $LINE", "334 VXNlcg==\r\n235 yes", "500 $LINE", "535-a\r\n535 b", "$LINE", "235", "1"} {
		f.Add(greeting, extensions, auth)
	}
	f.Add("554 go away", extensions, "235 yes")
	f.Add(greeting, "250 AUTH LOGIN", "334 VXNlcg==")
	f.Add(greeting, "250 AUTH LOGIN", "334 VXNlcg==\r\n334 UGFzcw==\r\n235 yes")
	var answers atomic.Pointer[map[string]string]
	config := scripts(f, func() map[string]string { return *answers.Load() })
	config.Timeout = 100 * time.Millisecond // an answer without an end
	f.Fuzz(func(t *testing.T, greeting, extensions, auth string) {
		// What a server says after the password, of LOGIN's two lines, has no word of its own.
		answers.Store(&map[string]string{"": greeting, "EHLO": extensions, "AUTH": auth, "QUIT": "221 bye"})
		verdict, err := newServer(t, config).Verify(t.Context(), user, password())
		switch {
		case verdict == rotation.Works && !strings.Contains(auth, "235"):
			t.Errorf("%q passes for a yes", auth)
		case verdict == rotation.Refused && !strings.Contains(auth, "5"):
			t.Errorf("%q passes for a no", auth)
		case (verdict == rotation.Unknown) != (err != nil):
			t.Errorf("verdict %v with the error %v", verdict, err)
		}
		if err == nil {
			return
		}
		for _, secret := range []string{canary, base64.StdEncoding.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + canary))} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the password is in the error: %v", err)
			}
		}
	})
}
