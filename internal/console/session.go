package console

import (
	"cmp"
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
	// Take is Get, and deletes what it returns: of several at the same time, one gets it.
	Take(ctx context.Context, key string) ([]byte, error)
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Add is Put where nothing is kept yet; false: something is.
	Add(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error)
	Delete(ctx context.Context, key string) error
}

// sessionTime is how long a login lasts.
const sessionTime = 12 * time.Hour

// session is a login with a token or of a person. Its role is that of the token, or of the person's groups, as the configuration has
// it at each request: who takes a token or a group away ends its sessions.
type session struct {
	Digest string  `json:"digest,omitempty"`
	Person *Person `json:"person,omitempty"`
	CSRF   string  `json:"csrf"`
}

// random is 256 random bits, to be told to a browser.
func random() string {
	bits := make([]byte, 32)
	_, _ = rand.Read(bits) // it never fails
	return base64.RawURLEncoding.EncodeToString(bits)
}

// sessionKey is what a session stands under: who reads the shelf cannot take a session over.
func sessionKey(id string) string { return "session:" + digestOf(id) }

// cookieName begins with __Host- where that can be kept: over TLS.
func (c *Console) cookieName() string {
	if c.URL.Scheme == "https" {
		return "__Host-keyturn"
	}
	return "keyturn"
}

// cookie is one that lasts for so long; with an age of 0, the browser forgets it.
func (c *Console) cookie(name, value string, age time.Duration) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure wherever there is TLS; a console without is on loopback
		Name: name, Value: value, Path: "/", MaxAge: cmp.Or(int(age.Seconds()), -1), Secure: c.URL.Scheme == "https", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// open begins a session.
func (c *Console) open(ctx context.Context, w http.ResponseWriter, s session) error {
	id := random()
	s.CSRF = random()
	value, err := json.Marshal(s)
	if err == nil {
		err = c.Shelf.Put(ctx, sessionKey(id), value, sessionTime)
	}
	if err != nil {
		return err
	}
	http.SetCookie(w, c.cookie(c.cookieName(), id, sessionTime))
	return nil
}

// end ends the session of a request.
func (c *Console) end(w http.ResponseWriter, r *http.Request) error {
	http.SetCookie(w, c.cookie(c.cookieName(), "", 0))
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
	who, err := c.holder(s, r)
	if err == nil {
		who.csrf = s.CSRF
	}
	return who, err
}

// holder is whose session it is.
func (c *Console) holder(s session, r *http.Request) (*Caller, error) {
	if s.Person != nil {
		return c.vouched(s.Person, r)
	}
	bits, err := hex.DecodeString(s.Digest)
	if err != nil || len(bits) != sha256.Size {
		return nil, errStranger
	}
	return c.named(Digest(bits), r)
}

// vouched is a person who has logged in at the issuer that the configuration has.
func (c *Console) vouched(p *Person, r *http.Request) (*Caller, error) {
	o := c.OIDC()
	if o == nil || o.Issuer != p.Issuer || o.role(p) == None {
		return nil, errStranger
	}
	return &Caller{Name: p.Name, Subject: p.Subject, Role: o.role(p), From: c.from(r), id: "oidc " + p.Issuer + " " + p.Subject}, nil
}

func (c *Console) named(digest Digest, r *http.Request) (*Caller, error) {
	name, role, ok := c.Tokens(digest)
	if !ok || role == None || digest == sha256.Sum256(nil) { // nothing is no token
		return nil, errStranger
	}
	return &Caller{Name: name, Role: role, From: c.from(r), id: hex.EncodeToString(digest[:])}, nil
}

// same compares what must not be guessed piece by piece.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
