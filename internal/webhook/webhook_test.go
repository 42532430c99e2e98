package webhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/internal/secret"
)

// The example of the specification's own libraries.
func TestAMessageIsSignedAsStandardWebhooksDoes(t *testing.T) {
	t.Parallel()
	key, err := Key(secret.New("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
	if err != nil {
		t.Fatal(err)
	}
	got := sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestASecretThatIsNoneIsRefusedAndNotRepeated(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "hunter2", "whsec_", "whsec_c2hvcnQ=", "whsec_%%%", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"} {
		if _, err := Key(secret.New(text)); !errors.Is(err, ErrSecret) {
			t.Errorf("%q: %v", text, err)
		} else if text != "" && text != "whsec_" && strings.Contains(err.Error(), text) {
			t.Errorf("the secret is repeated: %v", err)
		}
	}
}

func server(t *testing.T, h http.HandlerFunc) (*Client, *url.URL) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c := NewClient(nil, func() time.Time { return time.Unix(1614265330, 0) })
	t.Cleanup(c.Close)
	to, err := url.Parse(s.URL + "/secret-path?token=hunter2")
	if err != nil {
		t.Fatal(err)
	}
	return c, to
}

func TestAMessageArrivesWithItsSignature(t *testing.T) {
	t.Parallel()
	key := []byte("0123456789abcdef01234567")
	c, to := server(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		want := sign(key, "msg_1", time.Unix(1614265330, 0), body)
		if r.Header.Get("Webhook-Signature") != want || r.Header.Get("Webhook-Id") != "msg_1" || r.Header.Get("Webhook-Timestamp") != "1614265330" ||
			r.Header.Get("Content-Type") != "application/json" || r.URL.RequestURI() != "/secret-path?token=hunter2" {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	if err := c.Send(t.Context(), to, key, Message{"msg_1", []byte(`{"a":1}`)}); err != nil {
		t.Error(err)
	}
}

func TestNoAnswerButSuccessIsSuccess(t *testing.T) {
	t.Parallel()
	elsewhere := 0
	status := http.StatusFound
	c, to := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			elsewhere++
			return
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	})
	for _, status = range []int{302, 307, 400, 404, 410, 429, 500, 503} {
		err := c.Send(t.Context(), to, nil, Message{"msg_1", []byte(`{}`)})
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "secret-path") {
			t.Errorf("%d: %v", status, err)
		}
		if errors.Is(err, ErrRefused) != (status == http.StatusGone) {
			t.Errorf("%d: %v", status, err)
		}
	}
	if elsewhere > 0 {
		t.Error("a redirect was followed")
	}
}

func TestAReceiverThatIsAwayIsNamedWithoutItsAddress(t *testing.T) {
	t.Parallel()
	c, to := server(t, func(http.ResponseWriter, *http.Request) {})
	to.Host = "127.0.0.1:1"
	err := c.Send(t.Context(), to, nil, Message{"msg_1", []byte(`{}`)})
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "secret-path") {
		t.Errorf("got %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Send(over, to, nil, Message{"msg_1", []byte(`{}`)}); err == nil {
		t.Error("a delivery that was given up counts as done")
	}
}

func TestAnAnswerIsReadUpToABound(t *testing.T) {
	t.Parallel()
	const all = 64 << 20
	written := make(chan int, 1)
	c, to := server(t, func(w http.ResponseWriter, _ *http.Request) {
		n := 0
		for n < all {
			part, err := w.Write(make([]byte, 1<<16))
			if n += part; err != nil {
				break
			}
		}
		written <- n
	})
	if err := c.Send(t.Context(), to, nil, Message{"msg_1", []byte(`{}`)}); err != nil {
		t.Error(err)
	}
	if n := <-written; n == all {
		t.Errorf("all of %d bytes were read", n)
	}
}
