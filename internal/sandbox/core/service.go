package core

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

// errCut asks for the connection to be closed without a reply.
var errCut = errors.New("connection cut")

// Account is one pair of management keys.
type Account struct {
	secret string
	window *window
}

// Service is one running stand-in: what all share, around the provider's own half.
type Service struct {
	Code   string
	Ledger *Ledger
	Book   *Book // instead of passwords where contacts are kept; nil elsewhere

	now      func() time.Time
	log      *slog.Logger
	open     Opener
	accounts map[string]*Account // by key id
	whole    *Account            // of the keys that the cloud's users have
	cloud    string
	callers  *callers
	injector *injector
	holds    *holds
	guard    *guard // of its SMTP side
	stats    *stats
	delay    time.Duration
	jitter   time.Duration
	stopping <-chan struct{}
}

// ServeHTTP answers one API request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.stats.arrivals.mark()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "request body cannot be read", http.StatusBadRequest)
		return
	}
	c, refused := s.open(r, body)
	if refused != nil {
		s.stats.count(refused.Outcome)
		s.send(w, *refused)
		return
	}
	rep, err := s.answer(r, c)
	if err == nil {
		err = s.sleep(r.Context().Done(), s.pace())
	}
	if r.Context().Err() != nil {
		err = errCut
	}
	if err != nil {
		if rep.Outcome == OutAccepted {
			s.stats.lostReplies.Add(1)
		}
		panic(http.ErrAbortHandler)
	}
	s.send(w, rep)
}

// answer takes a call through rate limit and faults. An error means that no reply is to be sent; the reply beside it
// still says what was done.
func (s *Service) answer(r *http.Request, c *Call) (Reply, error) {
	c.Pass = c.Account.window.take()
	if !c.Pass.ok {
		if c.Changes {
			s.Ledger.called(c.Target, true)
		}
		return s.refuse(c, Refusal{Outcome: OutThrottled, RetryAfter: c.Pass.wait}), nil
	}
	p := s.injector.pick(event{
		provider: s.Code, at: AtAPI, op: c.Op, changes: c.Changes,
		names: func() []string { return append(s.Ledger.aliases(c.Target), c.Also...) },
	})
	f := p.fault
	if c.Changes {
		s.Ledger.called(c.Target, f != nil && f.Kind == RateLimit)
	}
	switch {
	case f == nil:
		return s.carryOut(c, p), nil
	case f.When == After:
		return s.spoil(r, c, f, s.carryOut(c, p))
	case f.Kind == Delaying || f.Kind == Hold:
		// The request is on its way and will land, whether or not its sender is still there: a late write.
		if err := s.pause(r, c, f, nil); err != nil {
			return Reply{}, err
		}
		return s.carryOut(c, p), nil
	default:
		return s.spoil(r, c, f, Reply{Status: http.StatusOK})
	}
}

// spoil makes of a reply what the fault asks for.
func (s *Service) spoil(r *http.Request, c *Call, f *Fault, rep Reply) (Reply, error) {
	if own := s.injector.traits[f.Kind].spoils[s.Code]; own != nil {
		return own(rep), nil
	}
	switch f.Kind {
	case LoseRequest, LoseReply:
		return rep, errCut
	case Delaying, Hold:
		return rep, s.pause(r, c, f, r.Context().Done())
	case Truncated:
		rep.cut = true
	case Empty:
		rep.Body = nil
	case HTML:
		rep.ContentType, rep.Body = "text/html", []byte("<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n")
		rep.Status = max(f.Status, http.StatusOK)
	case WrongCharset:
		rep.ContentType, rep.Body = misdeclare(rep.ContentType, rep.Body)
	default:
		if f.Kind == RateLimit {
			s.stats.throttledByFault.Add(1)
		}
		return s.refuse(c, Refusal{
			Outcome: refusals[f.Kind], RetryAfter: f.RetryAfter.std(), Code: f.Code, Status: f.Status,
		}), nil
	}
	return rep, nil
}

// carryOut does what the call asks for, and counts it.
func (s *Service) carryOut(c *Call, p plan) Reply {
	rep := c.Do(p.lag)
	s.stats.count(rep.Outcome)
	if p.spoil != nil {
		return p.spoil(rep)
	}
	return rep
}

func (s *Service) refuse(c *Call, why Refusal) Reply {
	rep := c.Refuse(why)
	s.stats.count(rep.Outcome)
	return rep
}

// pause waits as a delay or a hold asks, or until gone closes.
func (s *Service) pause(r *http.Request, c *Call, f *Fault, gone <-chan struct{}) error {
	if f.Kind == Delaying {
		return s.sleep(gone, f.Delay.std())
	}
	released, end := s.holds.begin(Held{
		Provider: s.Code, Target: c.Target, Op: c.Op, When: f.When, Remote: r.RemoteAddr, Since: s.now(),
	})
	defer end()
	return s.wait(gone, released, f.Delay.std())
}

// sleep waits for d, or until gone closes.
func (s *Service) sleep(gone <-chan struct{}, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	return s.wait(gone, nil, d)
}

func (s *Service) wait(gone, released <-chan struct{}, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-released:
		return nil
	case <-gone:
		return errCut
	case <-s.stopping:
		return errCut
	}
}

// pace is how long an ordinary reply takes.
func (s *Service) pace() time.Duration {
	if s.jitter <= 0 {
		return s.delay
	}
	return s.delay + rand.N(s.jitter) //nolint:gosec // no secret
}

func (s *Service) send(w http.ResponseWriter, rep Reply) {
	h := w.Header()
	for name, values := range rep.Header {
		h[name] = values
	}
	if rep.ContentType != "" {
		h.Set("Content-Type", rep.ContentType)
	}
	h.Set("Date", s.now().UTC().Format(http.TimeFormat)) // clients tell their clock's skew from it
	h.Set("Content-Length", strconv.Itoa(len(rep.Body)))
	w.WriteHeader(rep.Status)
	if rep.cut {
		_, _ = w.Write(rep.Body[:len(rep.Body)/2]) // the client may be gone
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(rep.Body) // as above
}

var xmlEncoding = regexp.MustCompile(`encoding=["'][^"']*["']`)

// misdeclare leaves the bytes alone and says that they are UTF-16, as a careless server does.
func misdeclare(kind string, body []byte) (string, []byte) {
	kind, _, _ = strings.Cut(kind, ";")
	kind += "; charset=utf-16"
	if bytes.HasPrefix(body, []byte("<?xml")) {
		body = xmlEncoding.ReplaceAll(body, []byte(`encoding="utf-16"`))
	}
	return kind, body
}

// restore puts back what the state file kept.
func (s *Service) restore(item stored) {
	switch {
	case item.Record != nil:
		s.Ledger.restore(*item.Record)
	case item.Contact != nil && s.Book != nil:
		s.Book.restore(item.Target, *item.Contact)
	}
}

// Now is the sandbox's clock.
func (s *Service) Now() time.Time { return s.now() }

// LogIn returns the account whose key this is; nil if it is none's.
func (s *Service) LogIn(id, secret string) *Account {
	a := s.accounts[id]
	if a == nil || subtle.ConstantTimeCompare([]byte(a.secret), []byte(secret)) == 0 {
		return nil
	}
	return a
}

// PasswordInURL counts a request whose URL holds the password although its body could, and warns of the first.
func (s *Service) PasswordInURL(r *http.Request) {
	if s.stats.passwordsInURL.Add(1) == 1 {
		s.log.WarnContext(r.Context(), "a client sends the password in the URL, where logs along the way keep it: see passwords_in_url in GET /stats",
			"provider", s.Code, "user_agent", strconv.QuoteToASCII(r.UserAgent()))
	}
}

// reset forgets all targets.
func (s *Service) reset() error {
	if s.Book != nil {
		return s.Book.reset()
	}
	return s.Ledger.reset()
}
