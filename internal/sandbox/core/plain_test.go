package core_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The stand-ins of these tests, which are no provider's. With HTTP Basic, PUT /TARGET makes the body the password and
// GET /TARGET asks for it; at mailer, POST / mails the address of the body.
const (
	plain  = "plain"
	other  = "other" // like plain, but without an SMTP server
	mailer = "mailer"

	target = "alerts@example.com"
	// garbled is a fault of other's own.
	garbled core.Kind = "garbled"
)

func standIns() []core.StandIn {
	basic := core.StandIn{
		Code: plain, Key: core.Key{ID: "testid", Secret: "testsecret"}, Rate: core.Rate{Requests: 20, Per: time.Second},
		Targets: []core.Target{{Target: target}}, Repeats: true, Check: core.CheckAddress, Names: core.OwnName,
		Options: []string{"loud"},
		Open: func(s *core.Service, o core.Options) (core.Opener, error) {
			_, err := o.OneOf("loud", "false", "true")
			return half{s}.open, err
		},
	}
	mute := basic
	mute.Code, mute.Names, mute.Repeats = other, nil, false
	mute.Faults = []core.OwnFault{{Kind: garbled, Spoil: func(rep core.Reply) core.Reply {
		rep.Body = []byte(strings.ToUpper(string(rep.Body)))
		return rep
	}}}
	mails := basic
	mails.Code, mails.Names, mails.Contacts = mailer, nil, true
	return []core.StandIn{mails, mute, basic}
}

// half is a provider's own half.
type half struct{ *core.Service }

var words = map[core.Outcome]core.Reason{
	core.OutRepeat:       core.Because(http.StatusConflict, "repeat", ""),
	core.OutRejected:     core.Because(http.StatusBadRequest, "rule", ""),
	core.OutUnknown:      core.Because(http.StatusNotFound, "unknown", ""),
	core.OutUnauthorized: core.Because(http.StatusForbidden, "keys", ""),
	core.OutThrottled:    core.Because(http.StatusTooManyRequests, "slowly", ""),
	core.OutFailed:       core.Because(http.StatusInternalServerError, "broken", ""),
	core.OutUnavailable:  core.Because(http.StatusServiceUnavailable, "closed", ""),
}

func say(why core.Reason, o core.Outcome) core.Reply {
	return core.JSONReply(max(why.Status, http.StatusOK), map[string]string{"code": why.Code}, o)
}

func (h half) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	id, secret, _ := r.BasicAuth()
	c := &core.Call{Op: "set", Target: strings.TrimPrefix(r.URL.Path, "/"), Changes: true, Account: h.LogIn(id, secret)}
	if c.Account == nil {
		rep := say(words[core.OutUnauthorized], core.OutUnauthorized)
		return nil, &rep
	}
	c.Refuse = func(why core.Refusal) core.Reply { return say(why.In(words), why.Outcome) }
	switch {
	case h.Book != nil:
		c.Op, c.Target = "mail", string(body)
		c.Do = func(time.Duration) core.Reply { return h.mail(c.Target) }
	case r.Method == http.MethodGet:
		c.Op, c.Changes = "get", false
		c.Do = func(time.Duration) core.Reply {
			found, _ := h.Ledger.Get(c.Target)
			return core.JSONReply(http.StatusOK, map[string]string{"serving": found.Serving}, core.OutRead)
		}
	default:
		c.Do = func(lag time.Duration) core.Reply {
			_, result := h.Ledger.Set(c.Target, string(body), lag)
			return say(words[result], result)
		}
	}
	return c, nil
}

func (h half) mail(address string) core.Reply {
	switch done, err := h.Book.Mail(address, false); {
	case err != nil:
		return say(words[core.OutFailed], core.OutFailed)
	case done == core.Mailed:
		return say(core.Reason{}, core.OutAccepted)
	}
	return say(core.Reason{}, core.OutRead)
}

// bench is a sandbox of the stand-ins above.
type bench struct{ *sandboxtest.Bench }

func start(tb testing.TB, edit ...func(*core.Config)) bench {
	tb.Helper()
	return bench{sandboxtest.Start(tb, standIns(), edit...)}
}

// unlimited lets a stand-in take as many requests as come.
func unlimited(code string) func(*core.Config) {
	return sandboxtest.With(code, core.ProviderConfig{Rate: &core.Rate{}})
}

func (b bench) request(method, code, target, body string) *http.Request {
	r := b.Request(method, b.Ready().Providers[code]+"/"+target, body)
	r.SetBasicAuth("testid", "testsecret")
	return r
}

// set changes the password of plain's target.
func (b bench) set(password string) sandboxtest.Answer { return b.setAt(plain, password) }

func (b bench) setAt(code, password string) sandboxtest.Answer {
	return b.Do(b.request(http.MethodPut, code, target, password))
}

func (b bench) login(password string) int { return b.Login(plain, target, password) }

// refused is the code of a whole reply; "" for a success.
func refused(t testing.TB, a sandboxtest.Answer) string {
	t.Helper()
	var out struct{ Code string }
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil {
		t.Fatalf("no reply: %d %q %v", a.Status, a.Body, a.Err)
	}
	return out.Code
}

func kept(path string) func(*core.Config) { return func(c *core.Config) { c.StateFile = path } }
