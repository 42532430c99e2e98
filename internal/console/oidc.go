package console

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"
)

const (
	oidcPath     = "/login/oidc"
	callbackPath = "/login/oidc/callback"
	// loginTime is how long a person may take at the issuer.
	loginTime = 10 * time.Minute
)

// login is a login at an issuer that is under way: 256 random bits that one browser has, in a cookie. What the issuer is sent is
// derived from them, so that nothing that is kept would let its reader take a login over.
type login string

func (l login) derive(purpose string) string {
	mac := hmac.New(sha256.New, []byte(l))
	mac.Write([]byte(purpose))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (l login) state() string    { return l.derive("state") }
func (l login) nonce() string    { return l.derive("nonce") }
func (l login) verifier() string { return l.derive("verifier") }

// key is what a login stands under until it is used.
func (l login) key() string { return "login:" + digestOf(string(l)) }

// begun is what is kept of a login.
type begun struct {
	Issuer string `json:"issuer"`
	Next   string `json:"next"`
}

// begin sends a person to the issuer. It takes a form of our own: a link, or another site, cannot have a browser log in, nor replace
// a login that is under way. It answers with a page that goes on, because browsers hold redirects of a form against form-action.
func (c *Console) begin(w http.ResponseWriter, r *http.Request) {
	o, next := c.OIDC(), local(r.PostFormValue("next"))
	switch {
	case o == nil:
		c.refuse(w, r, http.StatusNotFound, "there is nothing here")
		return
	case !c.ours(r):
		c.loginForm(w, r, http.StatusForbidden, next, "The form comes from another page.")
		return
	case !c.limits.allow("guess "+c.from(r), perGuess):
		c.loginForm(w, r, http.StatusTooManyRequests, next, tooMany)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), readTime)
	defer cancel()
	l := login(random())
	address, err := o.ask(ctx, c.Desk().Clock.Now(), l, c.callback())
	if err != nil {
		c.unanswered(ctx, o, err)
		c.loginForm(w, r, http.StatusServiceUnavailable, next, o.Name+" does not answer: try again, or log in with a token.")
		return
	}
	value, err := json.Marshal(begun{o.Issuer, next})
	if err == nil {
		err = c.Shelf.Put(ctx, l.key(), value, loginTime)
	}
	if err != nil {
		c.loginForm(w, r, http.StatusServiceUnavailable, next, "Redis does not answer: try again.")
		return
	}
	http.SetCookie(w, c.cookie(c.loginCookie(), string(l), loginTime))
	c.lead(w, r, "To "+o.Name, address)
}

// callback is where the issuer sends people back to.
func (c *Console) callback() string { return c.URL.String() + callbackPath }

func (c *Console) loginCookie() string { return c.cookieName() + "-login" }

// refusal is a login that did not come about: what the person is told, and what the log says.
type refusal struct {
	status int
	told   string
	why    string
}

// redisAway is what a login meets that cannot be kept.
var redisAway = &refusal{http.StatusServiceUnavailable, "Redis does not answer: try again.", "Redis does not answer"}

// again is a login that this browser did not begin, or that is over.
func again(why string) *refusal {
	return &refusal{http.StatusBadRequest, "This login was not begun in this browser, took longer than 10 minutes, or was used already: log in again.", why}
}

// finish ends a login at the issuer, with a session where a group of the person has a role. It answers with a page that goes on: a
// request that another site has led to is not sent with every cookie.
func (c *Console) finish(w http.ResponseWriter, r *http.Request) {
	o := c.OIDC()
	if o == nil {
		c.refuse(w, r, http.StatusNotFound, "there is nothing here")
		return
	}
	at, who, no := c.come(w, r, o)
	if no == nil && o.role(who) == None {
		no = &refusal{http.StatusForbidden, "You are " + who.Name + " at " + o.Name + ", and none of your groups has a role here. " +
			"Ask those who run keyturn: the configuration says which groups have one.", "no group has a role"}
	}
	if no == nil && c.open(r.Context(), w, session{Person: who}) != nil {
		no = redisAway
	}
	if no != nil && no.status == http.StatusBadRequest && !c.limits.allow("guess "+c.from(r), perGuess) {
		c.loginForm(w, r, http.StatusTooManyRequests, at.Next, tooMany)
		return
	}
	fields := []slog.Attr{slog.String("operation", "login"), slog.String("from", c.from(r))}
	if who != nil {
		fields = append(fields, slog.String("by", who.Name), slog.String("subject", shown(who.Subject, maxWhy)), slog.String("role", o.role(who).String()))
	}
	if no != nil {
		c.Log.LogAttrs(r.Context(), slog.LevelInfo, "audit", append(fields, slog.String("outcome", "refused"), slog.String("why", no.why))...)
		c.loginForm(w, r, no.status, at.Next, no.told)
		return
	}
	c.Log.LogAttrs(r.Context(), slog.LevelInfo, "audit", append(fields, slog.String("outcome", "done"))...)
	c.lead(w, r, "You are logged in", at.Next)
}

// come is a person who comes back from the issuer. The login that it began is used up, whatever becomes of it.
func (c *Console) come(w http.ResponseWriter, r *http.Request, o *OIDC) (at begun, who *Person, no *refusal) {
	at.Next = "/"
	ask := r.URL.Query()
	cookie, err := r.Cookie(c.loginCookie())
	if err != nil {
		return at, nil, again("the browser has begun no login")
	}
	l := login(cookie.Value)
	if !same(ask.Get("state"), l.state()) {
		return at, nil, again("the state is of another login")
	}
	http.SetCookie(w, c.cookie(c.loginCookie(), "", 0))
	value, err := c.Shelf.Take(r.Context(), l.key())
	switch {
	case err != nil:
		return at, nil, redisAway
	case value == nil || json.Unmarshal(value, &at) != nil:
		return at, nil, again("the login was used already, or took too long")
	case at.Issuer != o.Issuer:
		return at, nil, again("the login was begun at another issuer")
	case ask.Get("code") == "":
		said := cmp.Or(strings.Trim(shown(ask.Get("error"), maxNamed)+": "+shown(ask.Get("error_description"), maxWhy), ": "), "nothing")
		return at, nil, &refusal{http.StatusForbidden, o.Name + " did not let you in. It says: " + said, "the issuer says: " + said}
	}
	who, err = o.hear(r.Context(), c.Desk().Clock.Now(), l, c.callback(), ask.Get("code"))
	if err == nil {
		return at, who, nil
	}
	no = &refusal{http.StatusForbidden, o.Name + " did not confirm who you are. The console's log says why.", whyNot(err)}
	if unreached(err) {
		c.unanswered(r.Context(), o, err)
		no.status, no.told = http.StatusServiceUnavailable, o.Name+" does not answer: try again, or log in with a token."
	}
	return at, nil, no
}

// unanswered logs why an issuer cannot be used.
func (c *Console) unanswered(ctx context.Context, o *OIDC, err error) {
	if !errors.Is(err, context.Canceled) { // the person went away
		c.Log.LogAttrs(ctx, slog.LevelWarn, "the issuer cannot be asked", slog.String("issuer", o.Issuer), slog.String("cause", whyNot(err)))
	}
}

// shown is a text from outside for a page or a log: printable, and at most so many bytes of it.
func shown(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most-len("…")], "") + "…"
	}
	return text
}
