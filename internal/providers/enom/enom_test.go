package enom

import (
	"net/http"
	"strings"
	"testing"

	"keyturn/internal/providers/providertest"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

const target = "resellerdocs.com"

var password = secret.New("resellerdocspw&")

func testClient(t *testing.T, server *providertest.Server, region string) rotation.Client {
	t.Helper()
	c, err := newClient(server.Settings(Provider(), region))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func call(t *testing.T, answer providertest.Answer) error {
	t.Helper()
	return testClient(t, providertest.Serve(t, answer), "").Setter.Set(t.Context(), target, password)
}

// numbered puts a number and a text into a refusal.
func numbered(body, number, text string) providertest.Answer {
	return providertest.Answer{Body: strings.NewReplacer("NUMBER", number, "TEXT", text).Replace(body)}
}

func failure(t *testing.T, fixture, number, text string) providertest.Answer {
	t.Helper()
	return numbered(providertest.Fixture(t, fixture), number, text)
}

func TestTheProviderIsAsItsPagesSay(t *testing.T) {
	t.Parallel()
	providertest.Suite(t, providertest.Case{
		Provider: Provider(),
		Make: func(t *testing.T, s rotation.Settings) error {
			t.Helper()
			c, err := newClient(s)
			if err != nil {
				t.Fatal(err)
			}
			return c.Setter.Set(t.Context(), target, password)
		},
		Sent:      map[string]string{"": "set.request", regionTest: "set-test.request"},
		Successes: []string{"success.xml", "success-utf16.xml", "success.html", "success.txt"}, Odd: []string{"success.xml"},
		Refusals: []string{"error.xml", "error.html", "error.txt"}, RequestID: "804faac0-3607-4062-bd72-6e4828ae1a5e",
		Refuse: func(text string, row rotation.ErrorRow) providertest.Answer {
			if row.Status == http.StatusTooManyRequests {
				return providertest.Answer{Status: row.Status, Body: "ErrCount=1\nErr1=Slow down\nDone=true\n"}
			}
			digits, words, _ := strings.Cut(row.Code, " ")
			return numbered(text, strings.ReplaceAll(digits, "x", "9"), "What the provider says: "+words)
		},
		Targets: map[string]string{
			target:                           "resellerdocs.com",
			" ResellerDocs.CO.UK ":           "resellerdocs.co.uk",
			"xn--exmple-cua.com":             "xn--exmple-cua.com",
			"com":                            "",
			"":                               "",
			".com":                           "",
			"example.":                       "",
			"example..com":                   "",
			"exam ple.com":                   "",
			"exämple.com":                    "xn--exmple-cua.com",
			"EXA\u0308MPLE。com.":             "xn--exmple-cua.com",
			"exämple.中国":                     "xn--exmple-cua.xn--fiqs8s",
			"resellerdocs.com.":              "resellerdocs.com",
			"exa_mple.com":                   "",
			"example.com&uid=x":              "",
			strings.Repeat("a", 64) + ".com": "",
		},
	})
}

func TestTheEndpointMayLeaveThePageOut(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"", "/", "/interface.asp", "/interface.asp/"} {
		server := providertest.Serve(t, providertest.Answer{Body: providertest.Fixture(t, "success.xml")})
		s := server.Settings(Provider(), "")
		s.Endpoint = "http://reseller.enom.com" + endpoint
		c, err := newClient(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Setter.Set(t.Context(), target, password); err != nil {
			t.Fatal(err)
		}
		providertest.CheckSent(t, server, "set.request")
	}
}

func TestASuccessMayBeSpacedAsThePagePrintsIt(t *testing.T) {
	t.Parallel()
	spaced := strings.ReplaceAll(providertest.Fixture(t, "success.html"), "</STRONG>", "</ STRONG>")
	if err := call(t, providertest.Answer{Body: spaced}); err != nil {
		t.Error(err)
	}
}

func TestNumbersAreReadLikeTheirPageReadsThem(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]struct {
		text string
		kind rotation.Kind
	}{
		"304155": {"Bad User name or Password", rotation.Unauthorized},
		"713254": {"User not permitted from this IP address - 192.0.2.1", rotation.Unauthorized},
		"304156": {"The domain password must use ASCII characters", rotation.Rejected},
		"305156": {"Bad password", rotation.Unauthorized},
		"302156": {"Duplicate domain password", rotation.InDoubt},
		"307156": {"Connection failed while setting the domain password", rotation.InDoubt},
		"316153": {"Domain name not found", rotation.Target},
		"704380": {"Domain is not under this account", rotation.Target},
		"204380": {"Domain is not under this account", rotation.Target},
		"318153": {"Down for maintenance", rotation.Unavailable},
		"618000": {"Down for maintenance", rotation.Unavailable},
		"610156": {"Failed to update the domain password", rotation.InDoubt},
		"304153": {"Invalid domain", rotation.Target},
		"541":    {"a registry's own code", rotation.InDoubt},
		"123456": {"a success that is none", rotation.InDoubt},
		"":       {"no number at all", rotation.InDoubt},
	} {
		t.Run(number, func(t *testing.T) {
			t.Parallel()
			got := providertest.CheckKind(t, call(t, failure(t, "error.xml", number, want.text)), want.kind)
			if number != "" && got.Code != number || got.RequestID != "804faac0-3607-4062-bd72-6e4828ae1a5e" {
				t.Errorf("got code %q and request id %q", got.Code, got.RequestID)
			}
			if strings.Contains(got.Error(), want.text) {
				t.Errorf("%q repeats the provider's message", got)
			}
		})
	}
}

func TestOneErrorInDoubtMakesTheAnswerInDoubt(t *testing.T) {
	t.Parallel()
	second := "<response><ResponseNumber>610156</ResponseNumber></response></responses>"
	answer := failure(t, "error.xml", "316153", "Domain name not found")
	providertest.CheckKind(t, call(t, answer), rotation.Target)
	answer.Body = strings.Replace(answer.Body, "</responses>", second, 1)
	if got := providertest.CheckKind(t, call(t, answer), rotation.InDoubt); got.Code != "610156" {
		t.Errorf("got code %q", got.Code)
	}
}

func TestASuccessThatIsNotWholeIsInDoubt(t *testing.T) {
	t.Parallel()
	body := providertest.Fixture(t, "success.xml")
	for name, answer := range map[string]providertest.Answer{
		"not done":         {Body: strings.Replace(body, "<Done>true</Done>", "", 1)},
		"done false":       {Body: strings.Replace(body, "<Done>true</Done>", "<Done>false</Done>", 1)},
		"no count":         {Body: strings.Replace(body, "<ErrCount>0</ErrCount>", "", 1)},
		"odd count":        {Body: strings.Replace(body, "<ErrCount>0", "<ErrCount>none", 1)},
		"empty count":      {Body: strings.Replace(body, "<ErrCount>0", "<ErrCount>", 1)},
		"error status":     {Status: http.StatusInternalServerError, Body: body},
		"text cut in half": {Body: providertest.Fixture(t, "success.txt")[:120]},
		"real UTF-16":      {Body: "\xff\xfe<\x00?\x00x\x00m\x00l\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.CheckKind(t, call(t, answer), rotation.InDoubt)
		})
	}
}

func TestAnOddlyWrappedSuccessIsNotNeedlesslyInDoubt(t *testing.T) {
	t.Parallel()
	body := providertest.Fixture(t, "success.xml")
	for name, test := range map[string]struct {
		body    string
		success bool
	}{
		"a bare ampersand":              {strings.Replace(body, "<Site>eNom", "<Site>Smith & Sons &nbsp; &copy &", 1), true},
		"a letter that is not UTF-8":    {strings.Replace(body, "<Site>eNom", "<Site>M\xfcller", 1), true},
		"a declaration of UTF-16":       {`<?xml version="1.0" encoding="UTF-16"?>` + body, true},
		"a comment and a type":          {"<!-- IIS --><!DOCTYPE interface-response>" + body, true},
		"done as a number":              {strings.Replace(body, "<Done>true", "<Done>1", 1), true},
		"done in capitals":              {strings.Replace(body, "<Done>true", "<Done> TRUE ", 1), true},
		"two counts that agree":         {strings.Replace(body, "<ErrCount>", "<ErrCount>0</ErrCount><ErrCount>", 1), true},
		"two counts":                    {strings.Replace(body, "<ErrCount>", "<ErrCount>1</ErrCount><ErrCount>", 1), false},
		"two counts in text":            {"ErrCount=1\nErrCount=0\nDone=true\n", false},
		"done and not done":             {strings.Replace(body, "<Done>", "<Done>false</Done><Done>", 1), false},
		"an ampersand and no end":       {strings.Replace(body, "</interface-response>", "&", 1), false},
		"elements that cross":           {strings.Replace(body, "<Done>true</Done>", "<a><Done>true</a></Done>", 1), false},
		"in another element":            {"<html>" + body + "</html>", false},
		"a letter that XML cannot hold": {strings.Replace(body, "<Site>eNom", "<Site>\x01", 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := call(t, providertest.Answer{Body: test.body})
			if test.success && err != nil {
				t.Errorf("got %v, want a success", err)
			} else if !test.success {
				providertest.CheckKind(t, err, rotation.InDoubt)
			}
		})
	}
}

func TestABadTargetIsRefusedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	server := providertest.Serve(t, providertest.Answer{})
	err := testClient(t, server, "").Setter.Set(t.Context(), "com", password)
	providertest.CheckKind(t, err, rotation.Target)
	if sent := server.Sent(); len(sent) != 0 {
		t.Errorf("sent %d requests", len(sent))
	}
}

func TestATargetIsSplitAtItsFirstDot(t *testing.T) {
	t.Parallel()
	if sld, tld, _ := splitTarget("example.co.uk"); sld != "example" || tld != "co.uk" {
		t.Errorf("split into %q and %q", sld, tld)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"Done=true\nErrCount=0", "<interface-response><Done>true</Done></interface-response>", "<STRONG>Done: </STRONG>true<br>", "<?xml version='1.0' encoding='utf-16'?><a><b/></a>"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		answer, err := parse(body)
		if (err == nil) != (answer != nil) {
			t.Errorf("got %v and %v", answer, err)
		}
	})
}
