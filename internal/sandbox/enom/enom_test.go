package enom

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a sandbox of this stand-in.
type bench struct{ *sandboxtest.Bench }

func start(t *testing.T, edit ...func(*core.Config)) bench {
	t.Helper()
	return bench{sandboxtest.Start(t, []core.StandIn{StandIn()}, edit...)}
}

const domain = "resellerdocs.com"

func (b bench) call(command string, extra ...string) sandboxtest.Answer {
	q := url.Values{"command": {command}, "uid": {"resellid"}, "pw": {"resellpw"}, "SLD": {"resellerdocs"}, "TLD": {"com"}}
	for i := 0; i < len(extra); i += 2 {
		q.Set(extra[i], extra[i+1])
	}
	return b.Do(b.Request(http.MethodGet, b.Ready().Providers[Code]+"/interface.asp?"+q.Encode(), ""))
}

// unlimited lets it take as many requests as come.
func unlimited() func(*core.Config) {
	return sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}})
}

// reply is the XML form of an answer.
type reply struct {
	XMLName        xml.Name `xml:"interface-response"`
	Command        string
	ErrCount       int
	Err1           string `xml:"errors>Err1"`
	ResponseNumber string `xml:"responses>response>ResponseNumber"`
	ResponseString string `xml:"responses>response>ResponseString"`
	Done           string
	PasswordSet    string `xml:"password-set"`
	DomainPassword string
}

func readXML(t *testing.T, a sandboxtest.Answer) reply {
	t.Helper()
	var out reply
	if err := xml.Unmarshal([]byte(a.Body), &out); err != nil {
		t.Fatalf("no eNom reply: %d %q %v", a.Status, a.Body, err)
	}
	return out
}

func TestFaultsAnswerInItsOwnWords(t *testing.T) {
	t.Parallel()
	number := regexp.MustCompile(`ResponseNumber1=(\w+)\n`)
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: StandIn(),
		Set: func(b *sandboxtest.Bench, password string) sandboxtest.Answer {
			return bench{b}.call(cmdSet, "DomainPassword", password)
		},
		Refused: func(t testing.TB, a sandboxtest.Answer) string {
			t.Helper()
			switch found := number.FindStringSubmatch(a.Body); {
			case a.Status == http.StatusTooManyRequests:
				return "429"
			case found != nil:
				return found[1]
			case !strings.Contains(a.Body, "ErrCount=0\n"):
				t.Errorf("neither a success nor a refusal: %d %q", a.Status, a.Body)
			}
			return ""
		},
		Codes: map[core.Kind]string{
			core.RateLimit: "429", core.ServerError: "621153", core.Unavailable: "618153", core.Repeat: "302156",
			core.Reject: "304156", core.Unauthorized: "304155", core.NotFound: "316153",
		},
	})
}

func TestWrongCharsetLeavesTheBytesAlone(t *testing.T) {
	t.Parallel()
	b := start(t, unlimited())
	b.Inject(core.Fault{Provider: Code, Kind: core.WrongCharset, Op: "*"})
	a := b.call("GetPasswordBit", "responsetype", "xml")
	if !strings.HasPrefix(a.Body, `<?xml version="1.0" encoding="utf-16"?>`) || a.Header.Get("Content-Type") != "text/xml; charset=utf-16" {
		t.Errorf("%v %s", a.Header, a.Body)
	}
}

func TestNotDoneSaysThatTheReplyIsNotWhole(t *testing.T) {
	t.Parallel()
	for form, want := range map[string]string{"xml": "<Done>false</Done>", "text": "Done=false\n", "html": "Done: </STRONG>false<br>"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			b := start(t, unlimited())
			b.Inject(core.Fault{Provider: Code, Kind: NotDone})
			if a := b.call("SetPassword", "DomainPassword", "NEwpass12345", "responsetype", form); !strings.Contains(a.Body, want) {
				t.Errorf("%s", a.Body)
			}
			if s := b.Target(Code, domain); s.Live != "NEwpass12345" {
				t.Errorf("live %q", s.Live)
			}
		})
	}
}

func TestAFaultStrikesTheCommandThatItNames(t *testing.T) {
	t.Parallel()
	b := start(t, unlimited())
	b.Inject(core.Fault{Kind: core.ServerError}, core.Fault{Op: cmdValidate, Kind: core.Unavailable})
	if a := b.call("GetPasswordBit"); !strings.Contains(a.Body, "ErrCount=0") {
		t.Errorf("a read was struck: %s", a.Body)
	}
	if a := b.call("ValidatePassword", "DomainPassword", "x"); !strings.Contains(a.Body, "=618153") {
		t.Errorf("ValidatePassword: %s", a.Body)
	}
}

func TestABadOptionOrTargetIsNamed(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]core.ProviderConfig{
		`provider enom: throttle_status 200 is not an HTTP error`: {Options: core.Options{throttleStatus: "200"}},
		`provider enom: target "nodomain" is not a domain`:        {Targets: []core.Target{{Target: "nodomain"}}},
	} {
		_, err := core.Start(t.Context(), core.Config{
			Now: time.Now, StandIns: []core.StandIn{StandIn()}, Providers: map[string]core.ProviderConfig{Code: p},
		})
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestSetsAPasswordThatItsReadBacksConfirm(t *testing.T) {
	t.Parallel()
	b := start(t, unlimited())
	get := func() reply { return readXML(t, b.call("getpasswordbit", "responsetype", "XML")) }
	validate := func(p string) reply {
		return readXML(t, b.call("ValidatePassword", "DomainPassword", p, "ResponseType", "xml"))
	}
	if out := get(); out.PasswordSet != "0" || out.DomainPassword != "" || out.ErrCount != 0 {
		t.Errorf("before: %+v", out)
	}
	const password = `a<&"'+ %b`
	out := readXML(t, b.call("SetPassword", "DomainPassword", password, "responsetype", "xml"))
	if out.Command != "SETPASSWORD" || out.ErrCount != 0 || out.Done != "true" {
		t.Fatalf("set: %+v", out)
	}
	if s := b.Target(Code, domain); s.Live != password {
		t.Errorf("live %q", s.Live)
	}
	if out := get(); out.PasswordSet != "1" || out.DomainPassword != password {
		t.Errorf("after: %+v", out)
	}
	if out := validate(password); out.ErrCount != 0 {
		t.Errorf("valid: %+v", out)
	}
	if out := validate("another"); out.ErrCount != 1 || out.ResponseNumber != "304156" {
		t.Errorf("invalid: %+v", out)
	}
	if out := readXML(t, b.call("SetPassword", "DomainPassword", password, "responsetype", "xml")); out.ErrCount != 0 {
		t.Errorf("the same password again: %+v", out)
	}
}

func TestRefusesWithItsResponseNumbers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		extra  []string
		number string
	}{
		{"wrong token", []string{"pw", "x"}, "304155"},
		{"unknown account", []string{"uid", "x"}, "304155"},
		{"domain of another account", []string{"SLD", "other"}, "316153"},
		{"no SLD", []string{"SLD", ""}, "301151"},
		{"no TLD", []string{"TLD", ""}, "301152"},
		{"no password", []string{"DomainPassword", ""}, "301156"},
		{"5 characters", []string{"DomainPassword", "Ab345"}, "304156"},
		{"61 characters", []string{"DomainPassword", strings.Repeat("a", 61)}, "304156"},
		{"not ASCII", []string{"DomainPassword", "pässword1"}, "304156"},
		{"unknown command", []string{"command", "Purchase"}, "304000"},
	}
	b := start(t, unlimited())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{"DomainPassword", "ABcdef12345", "responsetype", "xml"}, test.extra...)
			out := readXML(t, b.call("SetPassword", args...))
			if out.ErrCount != 1 || out.ResponseNumber != test.number || out.Err1 == "" || out.ResponseString == "" || out.Done != "true" {
				t.Errorf("%+v, want number %s", out, test.number)
			}
		})
	}
	if s := b.Target(Code, domain); s.Version != 0 {
		t.Errorf("a refused call changed the state to %+v", s)
	}
}

func TestAnswersInTextAndHTMLToo(t *testing.T) {
	t.Parallel()
	b := start(t, unlimited())
	tests := []struct{ form, password, want string }{
		{"", "ABcdef12345", ";URL Interface\n;Machine is SANDBOX\n;Encoding Type is utf-8\nCommand=SETPASSWORD\nAPIType=API.NET\nLanguage=eng\nErrCount=0\nResponseCount=0\n"},
		{"", "short", "ErrCount=1\nErr1=The domain password must use ASCII characters, and must be 6 to 60 characters in length\nResponseCount=1\nResponseNumber1=304156\nResponseString1=Validation error; invalid ; domain password\n"},
		{"html", "ABcdef12345", "<STRONG>ErrCount: </STRONG>0<br>\n<STRONG>ResponseCount: </STRONG>0<br>\n"},
		{"html", "short", "<STRONG>ResponseNumber1: </STRONG>304156<br>\n"},
	}
	for _, test := range tests {
		a := b.call("SetPassword", "DomainPassword", test.password, "responsetype", test.form)
		if !strings.Contains(a.Body, test.want) || !strings.Contains(a.Body, "Done") {
			t.Errorf("%q %s: %s", test.form, test.password, a.Body)
		}
	}
	if a := b.call("GetPasswordBit"); !strings.Contains(a.Body, "DomainPassword=ABcdef12345\nPasswordSet=1\n") {
		t.Errorf("GetPasswordBit: %s", a.Body)
	}
}

func TestThrottlesAsConfigured(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		options core.Options
		status  int
		body    string
	}{
		{"default", core.Options{}, 429, "Too Many Requests\n"},
		{"status", core.Options{throttleStatus: "503"}, 503, "Too Many Requests\n"},
		{"number", core.Options{throttleNumber: "720199"}, 200, "ResponseNumber1=720199\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{Requests: 1, Per: time.Hour}, Options: test.options}))
			b.call("GetPasswordBit")
			if a := b.call("GetPasswordBit"); a.Status != test.status || !strings.Contains(a.Body, test.body) {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
}

func TestTakesGETOnItsOnePathOnly(t *testing.T) {
	t.Parallel()
	b := start(t)
	base := b.Ready().Providers[Code]
	if a := b.Do(b.Request(http.MethodPost, base+"/interface.asp", "command=SetPassword")); a.Status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", a.Status)
	}
	if a := b.Do(b.Request(http.MethodGet, base+"/", "")); a.Status != http.StatusNotFound {
		t.Errorf("another path: %d", a.Status)
	}
}
