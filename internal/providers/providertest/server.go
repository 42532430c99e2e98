// Package providertest is what the unit tests of the provider clients share: a mock server that plays answers and
// keeps what it was sent, and the checks that hold for every provider.
package providertest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// Answer is one answer of the mock server.
type Answer struct {
	Status int // 0 means 200
	Header map[string]string
	Body   string
}

// Server plays answers in order, then repeats the last one, and records each request as text.
type Server struct {
	address string

	mu      sync.Mutex
	answers []Answer
	sent    []string
}

// Serve starts a server that ends with the test.
func Serve(t *testing.T, answers ...Answer) *Server {
	t.Helper()
	s := &Server{answers: answers}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.address = server.Listener.Addr().String()
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := s.next(record(r))
	for name, value := range answer.Header {
		w.Header().Set(name, value)
	}
	if answer.Status != 0 {
		w.WriteHeader(answer.Status)
	}
	_, _ = io.WriteString(w, answer.Body)
}

func (s *Server) next(request string) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, request)
	answer := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return answer
}

// Settings are settings whose transport leads to the server, whichever host p has: the request, host and signature
// included, is the one that the real service would get. Every key's value is its name in capitals.
func (s *Server) Settings(p rotation.Provider, region string) rotation.Settings {
	keys := make(map[string]secret.Value)
	for _, name := range p.Keys {
		keys[name] = secret.New(strings.ToUpper(name))
	}
	var dialer net.Dialer
	return rotation.Settings{
		Endpoint: strings.Replace(p.Endpoint(region), "https://", "http://", 1),
		Region:   region,
		Keys:     keys,
		Timeout:  10 * time.Second,
		Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, s.address)
		}},
	}
}

// Sent returns the requests so far.
func (s *Server) Sent() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// record renders a request with its headers sorted.
func record(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	lines := []string{"Host: " + r.Host}
	for name, values := range r.Header {
		lines = append(lines, name+": "+strings.Join(values, ", "))
	}
	slices.Sort(lines)
	return fmt.Sprintf("%s %s\n%s\n\n%s\n", r.Method, r.RequestURI, strings.Join(lines, "\n"), body)
}

// Fixture reads a file of the calling package's testdata.
func Fixture(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
