package httpx_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/internal/httpx"
)

func TestAGreetingChangesNothingAndTellsTheTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	requests := make(chan *http.Request, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r
		w.Header().Set("Date", at.Format(http.TimeFormat))
		w.Header().Set("Location", "http://127.0.0.1:1/")
		w.WriteHeader(http.StatusFound)
	}))
	t.Cleanup(server.Close)
	g, err := httpx.Greet(t.Context(), parse(t, server.URL+"/v3/change?password=x"), nil)
	if err != nil || !g.Date.Equal(at) || g.Trip <= 0 || g.Asked.IsZero() {
		t.Errorf("%+v, %v", g, err)
	}
	r := <-requests
	if r.Method != http.MethodHead || r.RequestURI != "/" || r.Header.Get("Authorization") != "" || len(requests) > 0 {
		t.Errorf("%s %s %v, and %d more", r.Method, r.RequestURI, r.Header, len(requests))
	}
}

func TestAServerThatAnswersNothingHasBeenReached(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(server.Close)
	if g, err := httpx.Greet(t.Context(), parse(t, server.URL), nil); err != nil || !g.Date.IsZero() {
		t.Errorf("%+v, %v", g, err)
	}
}

func TestAGreetingSaysWhyNoConnectionWasMade(t *testing.T) {
	t.Parallel()
	strange := httptest.NewUnstartedServer(nil)
	strange.Config.ErrorLog = log.New(io.Discard, "", 0)
	strange.StartTLS()
	t.Cleanup(strange.Close)
	plain := httptest.NewServer(nil)
	t.Cleanup(plain.Close)
	closed, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for endpoint, want := range map[string]string{
		strange.URL: "certificate",
		strings.Replace(plain.URL, "http:", "https:", 1): "does not look like a TLS handshake",
		"https://" + closed.Addr().String():              "connection refused",
	} {
		if _, err := httpx.Greet(t.Context(), parse(t, endpoint), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", endpoint, err, want)
		}
	}
}

func parse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
