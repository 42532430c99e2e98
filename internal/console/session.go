package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Shelf keeps small values for a while, for all consoles together. What is lost logs people out, and no more. Safe for
// concurrent use; returns soon after its context ends.
type Shelf interface {
	// Get returns nil where nothing is kept.
	Get(ctx context.Context, key string) ([]byte, error)
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Add is Put where nothing is kept yet; false: something is.
	Add(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error)
	Delete(ctx context.Context, key string) error
}

// sessionTime is how long a login lasts.
const sessionTime = 12 * time.Hour

// session is a login. Its role is that of the token as the configuration has it at each request: who takes a token away ends
// its sessions.
type session struct {
	Digest string `json:"digest"`
	CSRF   string `json:"csrf"`
}

// secret is 256 random bits, to be told to a browser.
func secret() string {
	bits := make([]byte, 32)
	_, _ = rand.Read(bits) // it never fails
	return base64.RawURLEncoding.EncodeToString(bits)
}

// sessionKey is what a session stands under: who reads the shelf cannot take a session over.
func sessionKey(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "session:" + hex.EncodeToString(sum[:])
}

// cookieName begins with __Host- where that can be kept: over TLS.
func (c *Console) cookieName() string {
	if c.URL.Scheme == "https" {
		return "__Host-keyturn"
	}
	return "keyturn"
}

func (c *Console) cookie(value string, age int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure wherever there is TLS; a console without is on loopback
		Name: c.cookieName(), Value: value, Path: "/", MaxAge: age, Secure: c.URL.Scheme == "https", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// open begins a session.
func (c *Console) open(ctx context.Context, w http.ResponseWriter, digest Digest) error {
	id := secret()
	value, err := json.Marshal(session{Digest: hex.EncodeToString(digest[:]), CSRF: secret()})
	if err == nil {
		err = c.Shelf.Put(ctx, sessionKey(id), value, sessionTime)
	}
	if err != nil {
		return err
	}
	http.SetCookie(w, c.cookie(id, int(sessionTime.Seconds())))
	return nil
}

// end ends the session of a request.
func (c *Console) end(w http.ResponseWriter, r *http.Request) error {
	http.SetCookie(w, c.cookie("", -1))
	cookie, err := r.Cookie(c.cookieName())
	if err != nil {
		return nil //nolint:nilerr // there is none
	}
	return c.Shelf.Delete(r.Context(), sessionKey(cookie.Value))
}

// errStranger is a request of no known caller.
var errStranger = errors.New("log in, or send a token that the configuration has")

// caller finds out who asks: by the token of the request, or by its session.
func (c *Console) caller(r *http.Request) (*Caller, error) {
	if token, given := bearer(r); given {
		return c.named(sha256.Sum256([]byte(token)), r)
	}
	cookie, err := r.Cookie(c.cookieName())
	if err != nil {
		return nil, errStranger
	}
	value, err := c.Shelf.Get(r.Context(), sessionKey(cookie.Value))
	if err != nil {
		return nil, err
	}
	var s session
	if value == nil || json.Unmarshal(value, &s) != nil || s.CSRF == "" {
		return nil, errStranger
	}
	bits, err := hex.DecodeString(s.Digest)
	if err != nil || len(bits) != sha256.Size {
		return nil, errStranger
	}
	who, err := c.named(Digest(bits), r)
	if err == nil {
		who.csrf = s.CSRF
	}
	return who, err
}

func (c *Console) named(digest Digest, r *http.Request) (*Caller, error) {
	name, role, ok := c.Tokens(digest)
	if !ok || role == None || digest == sha256.Sum256(nil) { // nothing is no token
		return nil, errStranger
	}
	return &Caller{Name: name, Role: role, From: c.from(r), digest: digest}, nil
}

// same compares what must not be guessed piece by piece.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
