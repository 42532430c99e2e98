package sandbox

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const enomDomain = "resellerdocs.com"

func (b *bench) enom(command string, extra ...string) answered {
	b.t.Helper()
	q := url.Values{"command": {command}, "uid": {"resellid"}, "pw": {"resellpw"}, "SLD": {"resellerdocs"}, "TLD": {"com"}}
	for i := 0; i < len(extra); i += 2 {
		q.Set(extra[i], extra[i+1])
	}
	return b.do(b.request(http.MethodGet, b.Ready().Providers[Enom]+"/interface.asp?"+q.Encode(), ""))
}

func unlimitedEnom(o Options) func(*Config) {
	return with(Enom, ProviderConfig{Rate: &Rate{}, Options: o})
}

// enomXML is the XML form of an answer.
type enomXML struct {
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

func readEnomXML(t *testing.T, a answered) enomXML {
	t.Helper()
	var out enomXML
	if err := xml.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatalf("no eNom reply: %d %q %v", a.status, a.body, err)
	}
	return out
}

func TestEnomSetsAPasswordThatItsReadBacksConfirm(t *testing.T) {
	t.Parallel()
	b := start(t, unlimitedEnom(Options{}))
	get := func() enomXML { return readEnomXML(t, b.enom("getpasswordbit", "responsetype", "XML")) }
	validate := func(p string) enomXML {
		return readEnomXML(t, b.enom("ValidatePassword", "DomainPassword", p, "ResponseType", "xml"))
	}
	if out := get(); out.PasswordSet != "0" || out.DomainPassword != "" || out.ErrCount != 0 {
		t.Errorf("before: %+v", out)
	}
	const password = `a<&"'+ %b`
	out := readEnomXML(t, b.enom("SetPassword", "DomainPassword", password, "responsetype", "xml"))
	if out.Command != "SETPASSWORD" || out.ErrCount != 0 || out.Done != "true" {
		t.Fatalf("set: %+v", out)
	}
	if s := b.state(Enom, enomDomain); s.Live != password {
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
	if out := readEnomXML(t, b.enom("SetPassword", "DomainPassword", password, "responsetype", "xml")); out.ErrCount != 0 {
		t.Errorf("the same password again: %+v", out)
	}
}

func TestEnomRefusesWithItsResponseNumbers(t *testing.T) {
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
	b := start(t, unlimitedEnom(Options{}))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{"DomainPassword", "ABcdef12345", "responsetype", "xml"}, test.extra...)
			out := readEnomXML(t, b.enom("SetPassword", args...))
			if out.ErrCount != 1 || out.ResponseNumber != test.number || out.Err1 == "" || out.ResponseString == "" || out.Done != "true" {
				t.Errorf("%+v, want number %s", out, test.number)
			}
		})
	}
	if s := b.state(Enom, enomDomain); s.Version != 0 {
		t.Errorf("a refused call changed the state to %+v", s)
	}
}

func TestEnomAnswersInTextAndHTMLToo(t *testing.T) {
	t.Parallel()
	b := start(t, unlimitedEnom(Options{}))
	tests := []struct{ form, password, want string }{
		{"", "ABcdef12345", ";URL Interface\n;Machine is SANDBOX\n;Encoding Type is utf-8\nCommand=SETPASSWORD\nAPIType=API.NET\nLanguage=eng\nErrCount=0\nResponseCount=0\n"},
		{"", "short", "ErrCount=1\nErr1=The domain password must use ASCII characters, and must be 6 to 60 characters in length\nResponseCount=1\nResponseNumber1=304156\nResponseString1=Validation error; invalid ; domain password\n"},
		{"html", "ABcdef12345", "<STRONG>ErrCount: </STRONG>0<br>\n<STRONG>ResponseCount: </STRONG>0<br>\n"},
		{"html", "short", "<STRONG>ResponseNumber1: </STRONG>304156<br>\n"},
	}
	for _, test := range tests {
		a := b.enom("SetPassword", "DomainPassword", test.password, "responsetype", test.form)
		if !strings.Contains(a.body, test.want) || !strings.Contains(a.body, "Done") {
			t.Errorf("%q %s: %s", test.form, test.password, a.body)
		}
	}
	if a := b.enom("GetPasswordBit"); !strings.Contains(a.body, "DomainPassword=ABcdef12345\nPasswordSet=1\n") {
		t.Errorf("GetPasswordBit: %s", a.body)
	}
}

func TestEnomThrottlesAsConfigured(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		options Options
		status  int
		body    string
	}{
		{"default", Options{}, 429, "Too Many Requests\n"},
		{"status", Options{ThrottleStatus: 503}, 503, "Too Many Requests\n"},
		{"number", Options{ThrottleNumber: "720199"}, 200, "ResponseNumber1=720199\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, with(Enom, ProviderConfig{Rate: &Rate{Requests: 1, Per: time.Hour}, Options: test.options}))
			b.enom("GetPasswordBit")
			if a := b.enom("GetPasswordBit"); a.status != test.status || !strings.Contains(a.body, test.body) {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}

func TestEnomTakesGETOnItsOnePathOnly(t *testing.T) {
	t.Parallel()
	b := start(t)
	base := b.Ready().Providers[Enom]
	if a := b.do(b.request(http.MethodPost, base+"/interface.asp", "command=SetPassword")); a.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", a.status)
	}
	if a := b.do(b.request(http.MethodGet, base+"/", "")); a.status != http.StatusNotFound {
		t.Errorf("another path: %d", a.status)
	}
}
