package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"keyturn/internal/app/apptest"
	"keyturn/internal/operate"
)

// The tokens of the stage's console.
const (
	viewer   = "viewer-token-3f9c"
	operator = "operator-token-91ad"
	admin    = "admin-token-c077"
)

func digest(token string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(token))) }

// withConsole is a section of a configuration.
func withConsole(more string) string {
	return fmt.Sprintf(`
console:
  listen: 127.0.0.1:0
  tokens:
    looks: {role: viewer, sha256: "%s"}
    acts: {role: operator, sha256: "%s"}
    rules: {role: admin, sha256: "%s"}
%s`, digest(viewer), digest(operator), digest(admin), more)
}

// site is a console that runs.
type site struct {
	*testing.T
	*apptest.Stage
	url    string
	client *http.Client
	log    func() string // all that it has written
}

func open(t *testing.T, s *apptest.Stage) *site {
	t.Helper()
	p := s.Start("console")
	var line struct{ URL string }
	if err := json.Unmarshal([]byte(p.Line(`"msg":"console"`)), &line); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &site{t, s, line.URL, &http.Client{Jar: jar, Timeout: 20 * time.Second}, p.Output}
}

// call asks the API, and reads the answer into a value that is not nil.
func (s *site) call(method, path, token, body string, into any) (status int, text string) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return s.send(req, into)
}

func (s *site) send(req *http.Request, into any) (status int, text string) {
	s.Helper()
	res, err := s.client.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatal(err)
	}
	if into != nil && res.StatusCode < 300 {
		if err := json.Unmarshal(data, into); err != nil {
			s.Fatalf("%v: %s", err, data)
		}
	}
	return res.StatusCode, string(data)
}

// row is how the console shows a credential.
func (s *site) row(c apptest.Credential) (row struct {
	operate.Row
	Can    []string
	Events []operate.Event
},
) {
	s.Helper()
	if status, text := s.call(http.MethodGet, "/v1/credentials/"+c.ID, viewer, "", &row); status != http.StatusOK {
		s.Fatal(text)
	}
	return row
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// form sends a form of a page as a browser does.
func (s *site) form(path string, fields url.Values) (status int, text string) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.url+path, strings.NewReader(fields.Encode()))
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", s.url)
	return s.send(req, nil)
}
