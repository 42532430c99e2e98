package providertest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/rotation"
)

// Case is a provider, and the fixtures that its pages gave.
type Case struct {
	rotation.Provider
	// Make makes the call with a client of these settings, and returns its error.
	Make func(t *testing.T, s rotation.Settings) error
	// Sent is what the call sends, by region; "" is where none is named, which is the first region.
	Sent map[string]string
	// Successes are all documented spellings of a success; Odd are those that CheckOddSuccess spoils.
	Successes, Odd []string
	// Refusals are all documented spellings of a refusal, whose code is CODE.
	Refusals []string
	// Refuse gives an answer another code than by replacing CODE; nil where that does.
	Refuse func(text string, row rotation.ErrorRow) Answer
	// RequestID is the one in the first of Refusals; "" where the provider has none.
	RequestID string
	// Targets have one spelling each; "" is a target that is refused.
	Targets map[string]string
}

// The parts of fixtures of refusals that a Suite knows.
const (
	placeholder = "CODE"
	message     = "what the provider says"
	// unheard is a code that no table has, with a status that none has.
	unheard       = "Unheard.Of"
	unheardStatus = http.StatusTeapot
)

// Suite holds a provider's client to what its pages say, and to what is true of every provider.
func Suite(t *testing.T, c Case) {
	t.Helper()
	for name, test := range map[string]func(*testing.T){
		"it sends what the page asks for":             c.testSent,
		"every spelling of a success is one":          c.testSuccesses,
		"every refusal has its kind":                  c.testRefusals,
		"a code that is not known is in doubt":        c.testUnknown,
		"an error names the code and not the message": c.testShown,
		"a target has one spelling":                   c.testTargets,
		"a bad setting is refused":                    c.testSettings,
		"an unreadable answer is in doubt":            func(t *testing.T) { t.Helper(); CheckMalformed(t, c.call) },
		"throttling says how long to wait":            func(t *testing.T) { t.Helper(); CheckThrottled(t, c.call) },
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t) })
	}
	for _, fixture := range c.Odd {
		t.Run("a wrapping is not needlessly in doubt: "+fixture, func(t *testing.T) { t.Parallel(); CheckOddSuccess(t, c.call, Fixture(t, fixture)) })
	}
}

// call is Make against an answer, in no region that is named.
func (c *Case) call(t *testing.T, answer Answer) error {
	t.Helper()
	return c.Make(t, Serve(t, answer).Settings(c.Provider, ""))
}

func (c *Case) testSent(t *testing.T) {
	t.Helper()
	sent := maps.Clone(c.Sent)
	if len(c.Regions) > 0 {
		sent[c.Regions[0]] = sent[""]
	}
	for region, fixture := range sent {
		server := Serve(t, Answer{Body: Fixture(t, c.Successes[0])})
		if err := c.Make(t, server.Settings(c.Provider, region)); err != nil {
			t.Errorf("region %q: %v", region, err)
		}
		CheckSent(t, server, fixture)
	}
}

func (c *Case) testSuccesses(t *testing.T) {
	t.Helper()
	for _, fixture := range c.Successes {
		if err := c.call(t, Answer{Body: Fixture(t, fixture)}); err != nil {
			t.Errorf("%s: %v", fixture, err)
		}
	}
}

// refuse is the answer for a row. Where a row goes by its status, the code is one that no row has.
func (c *Case) refuse(text string, row rotation.ErrorRow) Answer {
	if c.Refuse != nil {
		return c.Refuse(text, row)
	}
	code := strings.Replace(row.Code, "*", ".Detail", 1)
	if strings.HasPrefix(code, "HTTP ") {
		code = unheard
	}
	return Answer{Status: row.Status, Body: strings.Replace(text, placeholder, code, 1)}
}

func (c *Case) testRefusals(t *testing.T) {
	t.Helper()
	for _, fixture := range c.Refusals {
		text := Fixture(t, fixture)
		t.Run(fixture, func(t *testing.T) {
			t.Parallel()
			CheckTable(t, c.Errors, c.call, func(row rotation.ErrorRow) Answer { return c.refuse(text, row) })
		})
	}
}

func (c *Case) testUnknown(t *testing.T) {
	t.Helper()
	for _, fixture := range c.Refusals {
		_ = CheckKind(t, c.call(t, c.refuse(Fixture(t, fixture), rotation.ErrorRow{Code: unheard, Status: unheardStatus})), rotation.InDoubt)
	}
}

func (c *Case) testShown(t *testing.T) {
	t.Helper()
	text := Fixture(t, c.Refusals[0])
	row := c.Errors[slices.IndexFunc(c.Errors, func(row rotation.ErrorRow) bool { return row.Kind == rotation.Target })]
	answer := c.refuse(text, row)
	if !strings.Contains(strings.ToLower(answer.Body), message) {
		t.Fatalf("the fixture has no message: %s", answer.Body)
	}
	failure := CheckKind(t, c.call(t, answer), rotation.Target)
	if named := strings.Contains(answer.Body, failure.Code) || failure.Code == row.Code; failure.Code == "" || !named || failure.RequestID != c.RequestID {
		t.Errorf("got code %q and request id %q", failure.Code, failure.RequestID)
	}
	if shown := failure.Error(); strings.Contains(strings.ToLower(shown), message) {
		t.Errorf("%q repeats the provider's message", shown)
	}
}

func (c *Case) testTargets(t *testing.T) {
	t.Helper()
	for given, want := range c.Targets {
		got, err := c.CheckTarget(given)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is spelled %q, %v; want %q", given, got, err, want)
		}
	}
	if !slices.Contains(slices.Collect(maps.Values(c.Targets)), "") {
		t.Error("no target is refused")
	}
}

func (c *Case) testSettings(t *testing.T) {
	t.Helper()
	good := Serve(t, Answer{}).Settings(c.Provider, "")
	if _, err := c.New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*rotation.Settings){
		"region":                   func(s *rotation.Settings) { s.Region = "mars-1" },
		"key":                      func(s *rotation.Settings) { s.Keys = nil },
		"endpoint":                 func(s *rotation.Settings) { s.Endpoint = "https://" },
		"endpoint with a password": func(s *rotation.Settings) { s.Endpoint = "https://user:pw@example.com" },
		"time-out":                 func(s *rotation.Settings) { s.Timeout = 0 },
	} {
		s := good
		spoil(&s)
		if _, err := c.New(s); err == nil {
			t.Errorf("a bad %s was accepted", name)
		}
	}
}
