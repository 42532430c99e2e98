package smtpauth

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// A refusal that comes while another one's inquiry runs waits for it. It asks others only if that inquiry could ask no
// login and it was itself told whom to ask; the one that led the inquiry has asked all that it may.
func TestAnInquiryServesTheRefusalsThatComeMeanwhile(t *testing.T) {
	t.Parallel()
	ask := func(id string) Judgement { return Judgement{Standing: Ask, Witnesses: []string{id}} }
	for _, tt := range []struct {
		name         string
		first, later Judgement
		asked        []string
		want         [2]rotation.Verdict
	}{
		{"a login works", ask("works"), ask("another"), []string{"works"}, [2]rotation.Verdict{rotation.Refused, rotation.Refused}},
		{"none could be asked, and the later one knows another", ask("gone"), ask("works"), []string{"gone", "works"}, [2]rotation.Verdict{rotation.Unbelieved, rotation.Refused}},
		{"none could be asked, and the later one knows none", ask("gone"), Judgement{Standing: Inquiring}, []string{"gone"}, [2]rotation.Verdict{rotation.Unbelieved, rotation.Unbelieved}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				asked, got := meanwhile(t, tt.first, tt.later)
				if !slices.Equal(asked, tt.asked) || got != tt.want {
					t.Errorf("%v after asking %v, want %v after %v", got, asked, tt.want, tt.asked)
				}
			})
		})
	}
}

// meanwhile has two refusals judged, the later one while the first one's inquiry runs. It returns the credentials that
// were asked about, and both verdicts.
func meanwhile(t *testing.T, first, later Judgement) (asked []string, verdicts [2]rotation.Verdict) {
	t.Helper()
	config := pipes(t)
	config.Ledger, config.Now = &book{}, time.Now
	hold := make(chan struct{})
	var mu sync.Mutex
	config.Witness = func(_ context.Context, id string) (string, secret.Value, error) {
		mu.Lock()
		asked = append(asked, id)
		mu.Unlock()
		<-hold
		if id == "gone" {
			return "", secret.Value{}, ErrNoWitness
		}
		return "login of " + id, password(), nil
	}
	server := newServer(t, config)
	var running sync.WaitGroup
	for i, j := range []Judgement{first, later} {
		running.Go(func() {
			verdicts[i], _ = server.judge(t.Context(), question{login: "login of mine", id: "mine", urgency: rotation.Rotation}, j)
		})
		synctest.Wait() // the first one asks about a witness, the later one waits for the first one
	}
	close(hold)
	running.Wait()
	return asked, verdicts
}

// pipes reaches a server that accepts every login, over pipes: a bubble does not wait for a real connection.
func pipes(t *testing.T) Config {
	t.Helper()
	serverTLS, pool := authority(t)
	serverTLS.SessionTicketsDisabled = true // a pipe has no room for one before it is read
	return Config{
		Addr: "127.0.0.1:465", TLS: ImplicitTLS, CA: pool,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go converse(tls.Server(server, serverTLS), map[string]string{
				"": "220 ready", "EHLO": "250-hi\r\n250 AUTH PLAIN", "AUTH": "235 in", "QUIT": "221 bye",
			})
			return client, nil
		},
	}
}
