package console

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// callerKey is the key of the caller in a request's context.
type callerKey struct{}

func callerOf(ctx context.Context) *Caller {
	who, _ := ctx.Value(callerKey{}).(*Caller)
	return who
}

// bearer is the token that a request carries itself.
func bearer(r *http.Request) (token string, given bool) {
	kind, token, found := strings.Cut(r.Header.Get("Authorization"), " ")
	return token, found && strings.EqualFold(kind, "Bearer") && token != ""
}

// from is the address that a request comes from.
func (c *Console) from(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if c.BehindProxy {
		// The last one is what our proxy saw; those before it the client may have made up.
		all := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if ip := net.ParseIP(strings.TrimSpace(all[len(all)-1])); ip != nil {
			return ip.String()
		}
	}
	return host
}

// security are the headers of every answer. Scripts and styles are files of ours.
var security = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin", "Permissions-Policy": "camera=(), microphone=(), geolocation=()", "Cache-Control": "no-store",
}

// guard does what holds for every request: the host, sizes and times, who asks, and how often.
func (c *Console) guard(next http.Handler) http.Handler {
	known := next
	if c.Around != nil {
		known = c.Around(next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range security {
			w.Header().Set(name, value)
		}
		if c.URL.Scheme == "https" {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !strings.EqualFold(r.Host, c.URL.Host) {
			c.refuse(w, r, http.StatusMisdirectedRequest, "this console answers for another host: see console.url in the configuration")
			return
		}
		if !c.limits.allow("from "+c.from(r), perAddress) {
			w.Header().Set("Retry-After", "1")
			c.refuse(w, r, http.StatusTooManyRequests, "too many requests: slow down")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		ctx := r.Context()
		if safe(r) && r.URL.Path != streamPath {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, readTime)
			defer cancel()
		}
		var who *Caller
		err := errStranger
		if !strings.HasPrefix(r.URL.Path, "/static/") {
			asking, cancel := context.WithTimeout(ctx, askTime)
			who, err = c.caller(r.WithContext(asking))
			cancel()
		}
		switch {
		case err != nil && !errors.Is(err, errStranger):
			c.refuse(w, r, http.StatusServiceUnavailable, "Redis does not answer, so that it is not known who you are: try again")
			return
		case who != nil && who.csrf != "" && !safe(r) && !c.ours(r):
			c.refuse(w, r, http.StatusForbidden, "the request comes from another page")
			return
		case who == nil && !open(r):
			c.stranger(w, r)
			return
		}
		r = r.WithContext(context.WithValue(ctx, callerKey{}, who))
		if who == nil {
			next.ServeHTTP(w, r)
			return
		}
		known.ServeHTTP(w, r)
	})
}

// open tells whether a request needs no caller.
func open(r *http.Request) bool {
	_, guess := bearer(r)
	login := r.URL.Path == "/login" || r.URL.Path == oidcPath || r.URL.Path == callbackPath
	return login && !guess || strings.HasPrefix(r.URL.Path, "/static/")
}

// stranger answers a request of no known caller: people are sent to the login, and guesses of tokens are slowed down.
func (c *Console) stranger(w http.ResponseWriter, r *http.Request) {
	switch _, guess := bearer(r); {
	case guess && !c.limits.allow("guess "+c.from(r), perGuess):
		w.Header().Set("Retry-After", "60")
		c.refuse(w, r, http.StatusTooManyRequests, "too many tokens that are not known: wait a minute")
	case safe(r) && !guess && !strings.HasPrefix(r.URL.Path, "/v1/"):
		http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
	default:
		c.refuse(w, r, http.StatusUnauthorized, errStranger.Error())
	}
}

func safe(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
}

// ours tells whether a page of this console has sent a request: browsers say where one comes from.
func (c *Console) ours(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		return origin == c.URL.Scheme+"://"+c.URL.Host
	}
	return r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

// refuse answers in the way that was asked: a problem for programs, a page for people.
func (c *Console) refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		problem(w, status, why)
		return
	}
	c.say(w, r, status, why)
}

// limits are how often each may ask. They are this process's own: they keep it up, and are no quota.
type limits struct {
	mu      sync.Mutex
	buckets map[string]*rate.Limiter
}

// The paces.
var (
	perAddress = pace{50, 200}
	perGuess   = pace{rate.Every(6 * time.Second), 10} // tokens that are not known
)

type pace struct {
	perSecond rate.Limit
	burst     int
}

// maxBuckets bounds what strangers can make us keep.
const maxBuckets = 10_000

func newLimits() *limits { return &limits{buckets: map[string]*rate.Limiter{}} }

func (l *limits) allow(who string, p pace) bool {
	what, address, _ := strings.Cut(who, " ")
	who = what + " " + neighbourhood(address)
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[who]
	if b == nil {
		if len(l.buckets) >= maxBuckets {
			clear(l.buckets)
		}
		b = rate.NewLimiter(p.perSecond, p.burst)
		l.buckets[who] = b
	}
	return b.Allow()
}
