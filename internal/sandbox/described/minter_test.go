package described

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"keyturn/internal/providers/declared"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
)

const domain = "example.com"

// made is what the skeleton of a minter shows.
type made struct {
	ID, Name, Password string
	Error              struct{ Code string }
}

// call sends what the skeleton of a minter sends.
func (b bench) call(method, domain, id, body string, edit func(*http.Request)) sandboxtest.Answer {
	r := b.Request(method, b.Ready().Providers[code]+"/v1/domains/"+domain+"/credentials"+id, body)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Authorization", "Bearer TOKEN")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if edit != nil {
		edit(r)
	}
	return b.Do(r)
}

func (b bench) mint(t testing.TB, domain, label string) (made, sandboxtest.Answer) {
	t.Helper()
	a := b.call(http.MethodPost, domain, "", fmt.Sprintf(`{"name": %q}`, label), nil)
	var one made
	_ = json.Unmarshal([]byte(a.Body), &one) // a fault's answer may be anything
	return one, a
}

// listed are the names of a domain's credentials, by their ids.
func (b bench) listed(t *testing.T, domain string) map[string]string {
	t.Helper()
	var answer struct{ Credentials []struct{ ID, Name string } }
	a := b.call(http.MethodGet, domain, "", "", nil)
	if err := json.Unmarshal([]byte(a.Body), &answer); err != nil || a.Status != http.StatusOK {
		t.Fatalf("%v %d %s", err, a.Status, a.Body)
	}
	all := map[string]string{}
	for _, one := range answer.Credentials {
		all[one.ID] = one.Name
	}
	return all
}

func TestFaultsOfAMinterAnswerWithTheExamples(t *testing.T) {
	t.Parallel()
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: StandIn(skeleton(t, "minter"), core.Ports{API: 1, SMTP: 2}),
		Set: func(b *sandboxtest.Bench, password string) sandboxtest.Answer {
			_, a := bench{b}.mint(t, domain, "kt-"+strings.ToLower(password))
			return a
		},
		Refused: func(_ testing.TB, a sandboxtest.Answer) string {
			var one made
			_ = json.Unmarshal([]byte(a.Body), &one) // as in mint
			switch {
			case one.Password != "" && a.Status == http.StatusCreated:
				return ""
			case one.Error.Code != "":
				return one.Error.Code
			}
			return strconv.Itoa(a.Status)
		},
		Codes: map[core.Kind]string{
			core.RateLimit: "slow", core.ServerError: "500", core.Unavailable: "503", core.Repeat: "500", core.Reject: "400",
			core.Unauthorized: "token", core.NotFound: "unknown",
		},
	})
}

func TestAnIdentityIsMadeListedAndRetired(t *testing.T) {
	t.Parallel()
	b := start(t, skeleton(t, "minter"))
	if _, err := b.AddTargets(code, core.Target{Target: "other.example"}, core.Target{Target: "example.com/theirs", Username: "a person", Password: "Theirs-1"}); err != nil {
		t.Fatal(err)
	}
	first, a := b.mint(t, domain, "kt-ours-1-1")
	if a.Status != http.StatusCreated || first.Name != "kt-ours-1-1" || first.ID == "" || b.Login(code, first.ID, first.Password) != 235 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	second, _ := b.mint(t, domain, "kt-ours-2-1")
	elsewhere, _ := b.mint(t, "other.example", "kt-ours-3-1")
	if second.ID == first.ID || second.Password == first.Password || elsewhere.Password == "" {
		t.Errorf("%+v, %+v", second, elsewhere)
	}
	want := map[string]string{first.ID: "kt-ours-1-1", second.ID: "kt-ours-2-1", "theirs": "a person"}
	if got := b.listed(t, domain); len(got) != len(want) || got[first.ID] != want[first.ID] || got[second.ID] != want[second.ID] || got["theirs"] != want["theirs"] {
		t.Errorf("lists %v, want %v", got, want)
	}
	if a := b.call(http.MethodDelete, domain, "/"+first.ID, "", nil); a.Status != http.StatusNoContent || a.Body != "" {
		t.Errorf("%d %q", a.Status, a.Body)
	}
	if got := b.listed(t, domain); got[first.ID] != "" || got[second.ID] == "" || b.Login(code, first.ID, first.Password) != 535 || b.Login(code, second.ID, second.Password) != 235 {
		t.Errorf("lists %v after a retirement", got)
	}
	if a := b.call(http.MethodDelete, domain, "/"+first.ID, "", nil); a.Status != http.StatusNotFound || !strings.Contains(a.Body, "unknown") {
		t.Errorf("what is gone: %d %q", a.Status, a.Body)
	}
	if a := b.call(http.MethodDelete, domain, "/"+elsewhere.ID, "", nil); a.Status != http.StatusNotFound || len(b.listed(t, "other.example")) != 1 {
		t.Errorf("another domain's: %d %q", a.Status, a.Body)
	}
}

func TestAMinterRefusesWhatIsWrongWithARequest(t *testing.T) {
	t.Parallel()
	b := start(t, skeleton(t, "minter"))
	for name, test := range map[string]struct {
		method, domain, id, body string
		edit                     func(*http.Request)
		want                     string
	}{
		"another key":       {http.MethodPost, domain, "", `{"name": "a"}`, func(r *http.Request) { r.Header.Set("Authorization", "Bearer OTHER") }, "401 token"},
		"a list without":    {http.MethodGet, domain, "", "", func(r *http.Request) { r.Header.Del("Authorization") }, "401 token"},
		"another domain":    {http.MethodPost, "no.example", "", `{"name": "a"}`, nil, "404 unknown"},
		"its list":          {http.MethodGet, "no.example", "", "", nil, "404 unknown"},
		"its identity":      {http.MethodDelete, "no.example", "/c1", "", nil, "404 "},
		"no domain":         {http.MethodGet, "no", "", "", nil, "404 unknown"},
		"another field":     {http.MethodPost, domain, "", `{"label": "a"}`, nil, "400 "},
		"another method":    {http.MethodPut, domain, "", `{"name": "a"}`, nil, "400 "},
		"another path":      {http.MethodDelete, domain, "", "", nil, "400 "},
		"a retired segment": {http.MethodDelete, domain, "/a/b", "", nil, "400 "},
	} {
		a := b.call(test.method, test.domain, test.id, test.body, test.edit)
		var said made
		_ = json.Unmarshal([]byte(a.Body), &said) // as in mint
		if got := strconv.Itoa(a.Status) + " " + said.Error.Code; got != test.want {
			t.Errorf("%s: %d %q, want %s", name, a.Status, a.Body, test.want)
		}
	}
	if got := b.listed(t, domain); len(got) != 0 {
		t.Errorf("a refused call made %v", got)
	}
}

func TestATargetHasNoMoreIdentitiesThanItMay(t *testing.T) {
	t.Parallel()
	d := skeleton(t, "minter")
	b := bench{sandboxtest.Start(t, []core.StandIn{StandIn(d, core.Ports{API: 1, SMTP: 2})},
		sandboxtest.With(code, core.ProviderConfig{Rate: &core.Rate{}, Options: core.Options{maxIdentities: "2"}}))}
	first, _ := b.mint(t, domain, "kt-a-1-1")
	if _, a := b.mint(t, domain, "kt-a-2-1"); a.Status != http.StatusCreated {
		t.Fatal(a.Body)
	}
	if one, a := b.mint(t, domain, "kt-a-3-1"); a.Status != http.StatusConflict || one.Error.Code != "limit_reached" || len(b.listed(t, domain)) != 2 {
		t.Errorf("a third: %d %s", a.Status, a.Body)
	}
	if b.call(http.MethodDelete, domain, "/"+first.ID, "", nil); len(b.listed(t, domain)) != 1 {
		t.Error("was not retired")
	}
	if _, a := b.mint(t, domain, "kt-a-4-1"); a.Status != http.StatusCreated {
		t.Errorf("after a retirement: %d %s", a.Status, a.Body)
	}
	for _, bad := range []string{"0", "many"} {
		if _, err := StandIn(d, core.Ports{}).Open(nil, core.Options{maxIdentities: bad}); err == nil {
			t.Errorf("%q is a number of identities", bad)
		}
	}
}

// A name is refused twice where the file says how, and only there.
func TestANameIsTakenWhereTheFileSaysSo(t *testing.T) {
	t.Parallel()
	const full = `{call: mint, code: limit_reached, kind: full, source: page, hint: "the domain has as many credentials as it may"}`
	d := skeleton(t, "minter", full, full+"\n  - {call: mint, code: taken, kind: repeat, source: page, hint: the name is taken}",
		"    - {status: 401,", "    - {status: 409, body: '{\"error\": {\"code\": \"taken\"}}', means: repeat, source: page}\n    - {status: 401,")
	for want, d := range map[string]*declared.Description{"taken": d, "": skeleton(t, "minter")} {
		b := start(t, d)
		b.mint(t, domain, "kt-a-1-1")
		if one, a := b.mint(t, domain, "KT-a-1-1"); one.Error.Code != want {
			t.Errorf("want %q: %d %s", want, a.Status, a.Body)
		}
	}
}

// Propagation is of the SMTP side alone.
func TestAnIdentityIsNotLiveBeforeItsPropagation(t *testing.T) {
	t.Parallel()
	b := start(t, skeleton(t, "minter"))
	b.Inject(core.Fault{Provider: code, Kind: core.Propagation, Delay: core.Duration(time.Minute)})
	one, _ := b.mint(t, domain, "kt-a-1-1")
	if b.listed(t, domain)[one.ID] == "" || b.Login(code, one.ID, one.Password) != 535 {
		t.Error("it logs in before its time")
	}
	b.Clock.Advance(time.Minute)
	if b.Login(code, one.ID, one.Password) != 235 {
		t.Error("it never logs in")
	}
}

// What is shown has the form of the example's, and stands where the example has it.
func TestAnAnswerIsLikeItsExample(t *testing.T) {
	t.Parallel()
	const form = `'^[a-z0-9-]+(\.[a-z0-9-]+)+$'`
	d := skeleton(t, "minter", form, `'^(?P<name>[a-z0-9-]+)\.(?P<top>[a-z]+)$'`, `username: "${id}"`+"\n", "", "  password: [password]", "  password: [password]\n  username: login",
		`{"id": "c1", "name": "kt-example-0a1b2c3d-1", "password": "made"}`, `{"id": 10, "login": "10@mail.example.com", "name": "kt-example-0a1b2c3d-1", "password": "made", "at": "c1.example.com", "of": 100}`,
		"shows: made, id: c1", "shows: made, id: '10'", "lists: [c1]", "lists: ['10']", `{"id": "c1", "name"`, `{"of": 100, "id": 10, "name"`)
	b := start(t, d)
	if _, err := b.AddTargets(code, core.Target{Target: "other.org"}); err != nil {
		t.Fatal(err)
	}
	a := b.call(http.MethodPost, "other.org", "", `{"name": "kt-x-1-1"}`, nil)
	var out struct {
		ID                        json.Number
		Login, Name, Password, At string
		Of                        int
	}
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil {
		t.Fatalf("%v: %s", err, a.Body)
	}
	id := out.ID.String()
	if out.Login != id+"@mail.other.org" || out.Name != "kt-x-1-1" || out.At != "c1.other.org" || out.Of != 100 || b.Login(code, out.Login, out.Password) != 235 {
		t.Errorf("%s", a.Body)
	}
	a = b.call(http.MethodGet, "other.org", "", "", nil)
	if want := `{"credentials": [{"of": 100, "id": ` + id + `, "name": "kt-x-1-1"}]}`; a.Body != want {
		t.Errorf("lists %s, want %s", a.Body, want)
	}
}

func TestWordsAreReplacedWhereTheyStandAlone(t *testing.T) {
	t.Parallel()
	words := map[string]string{"c1": "NEW", "c1@a.example": "LOGIN", "example": "X"}
	for text, want := range map[string]string{
		`"c1" c12 xc1 c1-a a/c1/b`: `"NEW" c12 xc1 c1-a a/NEW/b`, "c1@a.example c1@b.example": "LOGIN NEW@b.X", "c1c1 c1 c1": "c1c1 NEW NEW", "": "",
	} {
		if got := replace(text, words); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestAnIDIsLikeTheExamples(t *testing.T) {
	t.Parallel()
	for example, form := range map[string]string{
		"42": "0123456789", "AKIA7": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "c-1": "abcdefghijklmnopqrstuvwxyz234567",
		"0190b0e2-1111-7000-8000-000000000000": "0123456789abcdef-",
	} {
		made := []string{idLike(example), idLike(example)}
		if made[0] == made[1] || slices.ContainsFunc(made, func(id string) bool { return !declared.IsID(id) || strings.Trim(id, form) != "" }) {
			t.Errorf("%s: %q", example, made)
		}
	}
}
