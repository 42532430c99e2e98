package sandbox

import (
	"bytes"
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

// opener is a provider's own half: it authenticates a request and takes it apart, or returns the reply that refuses it.
type opener func(r *http.Request, body []byte) (*call, *reply)

// account is one pair of management keys.
type account struct {
	secret string
	window *window
}

// service is one running stand-in: what all five share, around the provider's own half.
type service struct {
	code     string
	now      func() time.Time
	log      *slog.Logger
	open     opener
	ledger   *ledger
	book     *book               // alibaba-domain's contacts, instead of passwords; nil elsewhere
	accounts map[string]*account // by key id
	injector *injector
	holds    *holds
	guard    *guard // of its SMTP side
	stats    *stats
	delay    time.Duration
	jitter   time.Duration
	stopping <-chan struct{}
}

// ServeHTTP answers one API request.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.stats.arrivals.mark()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "request body cannot be read", http.StatusBadRequest)
		return
	}
	c, refused := s.open(r, body)
	if refused != nil {
		s.stats.count(refused.outcome)
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
		if rep.outcome == outAccepted {
			s.stats.lostReplies.Add(1)
		}
		panic(http.ErrAbortHandler)
	}
	s.send(w, rep)
}

// answer takes a call through rate limit and faults. An error means that no reply is to be sent; the reply beside it
// still says what was done.
func (s *service) answer(r *http.Request, c *call) (reply, error) {
	c.pass = c.account.window.take()
	if !c.pass.ok {
		return s.refuse(c, refusal{outcome: outThrottled, retryAfter: c.pass.wait}), nil
	}
	p := s.injector.pick(event{
		provider: s.code, at: AtAPI, op: c.op, changes: c.changes,
		names: func() []string { return append(s.ledger.aliases(c.target), c.also...) },
	})
	f := p.fault
	if c.changes && (f == nil || f.Kind != RateLimit) {
		s.ledger.called(c.target)
	}
	switch {
	case f == nil:
		return s.carryOut(c, p.lag), nil
	case f.When == After:
		return s.spoil(r, c, f, s.carryOut(c, p.lag))
	case f.Kind == Delaying || f.Kind == Hold:
		// The request is on its way and will land, whether or not its sender is still there: a late write.
		if err := s.pause(r, c, f, nil); err != nil {
			return reply{}, err
		}
		return s.carryOut(c, p.lag), nil
	default:
		return s.spoil(r, c, f, reply{status: http.StatusOK})
	}
}

// spoil makes of a reply what the fault asks for.
func (s *service) spoil(r *http.Request, c *call, f *Fault, rep reply) (reply, error) {
	switch f.Kind {
	case LoseRequest, LoseReply:
		return rep, errCut
	case Delaying, Hold:
		return rep, s.pause(r, c, f, r.Context().Done())
	case Truncated:
		rep.cut = true
	case Empty:
		rep.body = nil
	case HTML:
		rep.kind, rep.body = "text/html", []byte("<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n")
		rep.status = max(f.Status, http.StatusOK)
	case NotDone:
		rep.body = notDone.ReplaceAll(rep.body, []byte("${1}false"))
	case WrongCharset:
		rep.kind, rep.body = misdeclare(rep.kind, rep.body)
	default:
		if f.Kind == RateLimit {
			s.stats.throttledByFault.Add(1)
		}
		return s.refuse(c, refusal{
			outcome: refusals[f.Kind], retryAfter: f.RetryAfter.std(), code: f.Code, status: f.Status,
		}), nil
	}
	return rep, nil
}

// carryOut does what the call asks for, and counts it.
func (s *service) carryOut(c *call, lag lag) reply {
	rep := c.do(lag)
	s.stats.count(rep.outcome)
	return rep
}

func (s *service) refuse(c *call, why refusal) reply {
	rep := c.refuse(why)
	s.stats.count(rep.outcome)
	return rep
}

// pause waits as a delay or a hold asks, or until gone closes.
func (s *service) pause(r *http.Request, c *call, f *Fault, gone <-chan struct{}) error {
	if f.Kind == Delaying {
		return s.sleep(gone, f.Delay.std())
	}
	released, end := s.holds.begin(Held{
		Provider: s.code, Target: c.target, Op: c.op, When: f.When, Remote: r.RemoteAddr, Since: s.now(),
	})
	defer end()
	return s.wait(gone, released, f.Delay.std())
}

// sleep waits for d, or until gone closes.
func (s *service) sleep(gone <-chan struct{}, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	return s.wait(gone, nil, d)
}

func (s *service) wait(gone, released <-chan struct{}, d time.Duration) error {
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
func (s *service) pace() time.Duration {
	if s.jitter <= 0 {
		return s.delay
	}
	return s.delay + rand.N(s.jitter) //nolint:gosec // no secret
}

func (s *service) send(w http.ResponseWriter, rep reply) {
	h := w.Header()
	for name, values := range rep.header {
		h[name] = values
	}
	if rep.kind != "" {
		h.Set("Content-Type", rep.kind)
	}
	h.Set("Date", s.now().UTC().Format(http.TimeFormat)) // clients tell their clock's skew from it
	h.Set("Content-Length", strconv.Itoa(len(rep.body)))
	w.WriteHeader(rep.status)
	if rep.cut {
		_, _ = w.Write(rep.body[:len(rep.body)/2]) // the client may be gone
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(rep.body) // as above
}

var (
	xmlEncoding = regexp.MustCompile(`encoding=["'][^"']*["']`)
	notDone     = regexp.MustCompile(`(Done(?:: </STRONG>|>|=))true`)
)

// misdeclare leaves the bytes alone and says that they are UTF-16, as one of eNom's commands does.
func misdeclare(kind string, body []byte) (string, []byte) {
	kind, _, _ = strings.Cut(kind, ";")
	kind += "; charset=utf-16"
	if bytes.HasPrefix(body, []byte("<?xml")) {
		body = xmlEncoding.ReplaceAll(body, []byte(`encoding="utf-16"`))
	}
	return kind, body
}

// restore puts back what the state file kept.
func (s *service) restore(item stored) {
	switch {
	case item.Record != nil:
		s.ledger.restore(*item.Record)
	case item.Contact != nil && s.book != nil:
		s.book.restore(item.Target, *item.Contact)
	}
}

// secret looks up the secret of a key id.
func (s *service) secret(id string) (string, bool) {
	a := s.accounts[id]
	if a == nil {
		return "", false
	}
	return a.secret, true
}

// reset forgets all targets.
func (s *service) reset() error {
	if s.book != nil {
		return s.book.reset()
	}
	return s.ledger.reset()
}
