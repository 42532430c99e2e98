package described

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keyturn/internal/providers/declared"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	code   = "mine"
	target = "alerts@example.com"
)

// skeleton is a description of a mode, with replacements in its text, pairs of old and new.
func skeleton(t *testing.T, mode string, pairs ...string) *declared.Description {
	t.Helper()
	text, err := declared.Skeleton(code, mode)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(string(text), pairs[i]) {
			t.Fatalf("no %q", pairs[i])
		}
		text = []byte(strings.ReplaceAll(string(text), pairs[i], pairs[i+1]))
	}
	d, err := declared.Read("mine.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// bench is a sandbox of one description.
type bench struct{ *sandboxtest.Bench }

func start(t *testing.T, d *declared.Description) bench {
	t.Helper()
	return bench{sandboxtest.Start(t, []core.StandIn{StandIn(d, core.Ports{API: 1, SMTP: 2})}, sandboxtest.With(code, core.ProviderConfig{Rate: &core.Rate{}}))}
}

// set sends what the skeleton of a setter sends.
func (b bench) set(target, password string, edit func(*http.Request)) sandboxtest.Answer {
	r := b.Request(http.MethodPost, b.Ready().Providers[code]+"/v1/users/"+target+"/password", fmt.Sprintf(`{"password": %q}`, password))
	r.Header.Set("Accept", "application/json")
	sandboxtest.AsJSON(r, "Authorization", "Bearer TOKEN", edit)
	return b.Do(r)
}

// refused is the code of an answer, or its status where it has none; "" for a success.
func refused(t testing.TB, a sandboxtest.Answer) string {
	t.Helper()
	var out struct {
		Status string
		Error  struct{ Code string }
	}
	if err := json.Unmarshal([]byte(a.Body), &out); err == nil && out.Status == "ok" && a.Status == http.StatusOK {
		return ""
	}
	if out.Error.Code != "" {
		return out.Error.Code
	}
	return strconv.Itoa(a.Status)
}

func TestFaultsAnswerWithTheExamples(t *testing.T) {
	t.Parallel()
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: StandIn(skeleton(t, "setter"), core.Ports{API: 1, SMTP: 2}),
		Set: func(b *sandboxtest.Bench, password string) sandboxtest.Answer {
			return bench{b}.set(target, password, nil)
		},
		Refused: refused,
		Codes: map[core.Kind]string{
			core.RateLimit: "429", core.ServerError: "500", core.Unavailable: "503", core.Repeat: "500", core.Reject: "invalid_password",
			core.Unauthorized: "401", core.NotFound: "404",
		},
	})
}

func TestARequestIsRefusedForWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	b := start(t, skeleton(t, "setter"))
	body := func(text string) func(*http.Request) {
		return func(r *http.Request) {
			other := b.Request(r.Method, r.URL.String(), text)
			r.Body, r.ContentLength = other.Body, other.ContentLength
		}
	}
	for name, test := range map[string]struct {
		target, password string
		edit             func(*http.Request)
		said             string
	}{
		"another key":       {target, "Standing-1-xyz", func(r *http.Request) { r.Header.Set("Authorization", "Bearer OTHER") }, "401"},
		"no key":            {target, "Standing-1-xyz", func(r *http.Request) { r.Header.Del("Authorization") }, "401"},
		"another target":    {"other@example.com", "Standing1xyz1", nil, "404"},
		"no target":         {"other", "Standing1xyz1", nil, "404"},
		"against the rule":  {target, "short", nil, "invalid_password"},
		"another method":    {target, "Standing1xyz1", func(r *http.Request) { r.Method = http.MethodPut }, "400"},
		"another path":      {target, "Standing1xyz1", func(r *http.Request) { r.URL.Path += "/x" }, "400"},
		"another query":     {target, "Standing1xyz1", func(r *http.Request) { r.URL.RawQuery = "x=1" }, "400"},
		"another header":    {target, "Standing1xyz1", func(r *http.Request) { r.Header.Set("Accept", "*/*") }, "400"},
		"another encoding":  {target, "Standing1xyz1", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, "400"},
		"no JSON":           {target, "", body("{"), "400"},
		"a field more":      {target, "", body(`{"password": "Standing1xyz1", "force": true}`), "400"},
		"another field":     {target, "", body(`{"pass": "Standing1xyz1"}`), "400"},
		"a number as field": {target, "", body(`{"password": ["Standing1xyz1"]}`), "400"},
	} {
		if a := b.set(test.target, test.password, test.edit); refused(t, a) != test.said {
			t.Errorf("%s: %d %s, want %s", name, a.Status, a.Body, test.said)
		}
	}
	if got := b.Target(code, target); got.Version != 0 {
		t.Errorf("a refused call changed the state to %+v", got)
	}
	if a := b.set("Alerts@EXAMPLE.com", "Standing1xyz1", nil); refused(t, a) != "" || b.Login(code, target, "Standing1xyz1") != 235 {
		t.Errorf("a good one: %d %s", a.Status, a.Body)
	}
}

// An answer is about the target of the request: an echo of the example's would be in doubt.
func TestAnIssuersAnswerShowsTheNewPasswordOfTheTarget(t *testing.T) {
	t.Parallel()
	b := start(t, skeleton(t, "issuer"))
	const other = "news@example.org"
	if _, err := b.AddTargets(code, core.Target{Target: other}); err != nil {
		t.Fatal(err)
	}
	for _, one := range []string{target, other} {
		r := b.Request(http.MethodPost, b.Ready().Providers[code]+"/v1/users/"+one+"/reset", "")
		r.Header.Set("Accept", "application/json")
		r.Header.Set("Authorization", "Bearer TOKEN")
		a := b.Do(r)
		want := fmt.Sprintf(`{"status": "ok", "data": {"login": %q, "new_password": %q}}`, one, b.Target(code, one).Live)
		if a.Body != want || b.Login(code, one, b.Target(code, one).Live) != 235 {
			t.Errorf("%d %s, want %s", a.Status, a.Body, want)
		}
	}
}

// A field of the answer says whether a password is live, in whatever format.
func TestAnAnswerSaysThatAPasswordIsNotLiveYet(t *testing.T) {
	t.Parallel()
	b := start(t, syncing(t))
	b.Inject(core.Fault{Kind: core.NotSynced, Delay: core.Duration(time.Minute)})
	for _, want := range []bool{false, true} {
		r := b.Request(http.MethodPost, b.Ready().Providers[code]+"/v1/users/"+target+"/reset", "")
		r.Header.Set("Accept", "application/json")
		r.Header.Set("Authorization", "Bearer TOKEN")
		a := b.Do(r)
		live := b.Login(code, target, b.Target(code, target).Live) == 235
		if a.Status != http.StatusOK || live != want || strings.Contains(a.Body, `"synced": true`) != want || strings.Contains(a.Body, `"synced": false`) == want {
			t.Errorf("%d %s, and the login is %v", a.Status, a.Body, live)
		}
	}
	for said, want := range map[string]string{
		`{"synced":true,"unsynced":true}`: `{"synced":false,"unsynced":true}`, "<a><synced>yes</synced></a>": "<a><synced>false</synced></a>",
		"login=a&synced=1&x=1": "login=a&synced=false&x=1", `{"synced": "ON"}`: `{"synced": "false"}`, `{"synced": 10}`: `{"synced": 10}`,
	} {
		if got := notSynced("synced")(core.Reply{Body: []byte(said)}); string(got.Body) != want {
			t.Errorf("%s becomes %s, want %s", said, got.Body, want)
		}
	}
}

// syncing is an issuer whose answers say whether a password is live.
func syncing(t *testing.T) *declared.Description {
	t.Helper()
	return skeleton(t, "issuer", "  # synced: remote_synced ", "  synced: synced ", `"new_password": "made"}`, `"new_password": "made", "synced": true}`)
}

func TestItSaysHowLongToWaitAsItsExampleDoes(t *testing.T) {
	t.Parallel()
	const example = `headers: {Retry-After: 7}, body: '{"status": "error"}', means: rate limited, wait: 7s`
	for value, left := range map[string]func(text string, now time.Time) (seconds float64){
		"7":             func(text string, _ time.Time) float64 { return number(text) },
		"1445412510000": func(text string, now time.Time) float64 { return (number(text) - float64(now.UnixMilli())) / 1000 },
		"1445412510":    func(text string, now time.Time) float64 { return number(text) - float64(now.Unix()) },
		`"Wed, 21 Oct 2015 07:28:07 GMT"`: func(text string, now time.Time) float64 {
			at, _ := http.ParseTime(text)
			return at.Sub(now).Seconds()
		},
	} {
		d := skeleton(t, "setter", "request_id: request_id\n\n", "request_id: request_id\n  wait_header: X-Reset\n\n",
			example, strings.NewReplacer("Retry-After: 7", "X-Reset: "+value, ", wait: 7s", "").Replace(example))
		b := start(t, d)
		b.Inject(core.Fault{Provider: code, Kind: core.RateLimit, RetryAfter: core.Duration(time.Minute)})
		a := b.set(target, "Standing1xyz1", nil)
		if got := left(a.Header.Get("X-Reset"), b.Clock.Now()); a.Status != http.StatusTooManyRequests || got < 40 || got > 62 || a.Header.Get("Retry-After") != "" {
			t.Errorf("%s: %v asks to wait %v", value, a.Header, got)
		}
	}
}

func number(text string) float64 {
	n, _ := strconv.ParseFloat(text, 64)
	return n
}

// Every file that is tried has an answer for what it sends.
func TestEveryDescriptionIsPlayed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "providers", "declared", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d, err := declared.Read(file, text)
		if err != nil {
			t.Fatal(err)
		}
		s := StandIn(d, core.Ports{API: 1, SMTP: 2})
		if len(s.Targets) == 0 || s.Key.Secret == "" || s.Rate.Requests == 0 || s.Username == "" {
			t.Errorf("%s: %+v", file, s)
		}
	}
}
