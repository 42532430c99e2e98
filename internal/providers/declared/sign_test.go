package declared

import (
	"strings"
	"testing"

	"keyturn/internal/providers/providertest"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

func answering(status int, body string) providertest.Answer {
	return providertest.Answer{Status: status, Body: body}
}

// kindOf is the kind of an error, "" for a success.
func kindOf(err error) string {
	if err == nil {
		return ""
	}
	return rotation.AsError(err).Kind.String()
}

// signedBy is the description of a setter whose requests are signed.
func signedBy(t *testing.T, scheme string, edits ...string) *Description {
	t.Helper()
	return describe(t, "setter.yaml", append([]string{"keys: [token]", "keys: [id, secret]", `{bearer: "${keys.token}"}`, scheme}, edits...)...)
}

func TestARequestIsSignedByANamedScheme(t *testing.T) {
	t.Parallel()
	for scheme, want := range map[string][]string{
		`{sigv4: {id: "${keys.id}", secret: "${keys.secret}", region: us-east-1, service: iam}}`: {
			"X-Amz-Date: 20150830T123600Z", "Authorization: AWS4-HMAC-SHA256 Credential=ID/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=",
		},
		`{tc3: {id: "${keys.id}", secret: "${keys.secret}", service: ses}}`: {
			"X-Tc-Timestamp: 1440938160", "Authorization: TC3-HMAC-SHA256 Credential=ID/2015-08-30/ses/tc3_request, SignedHeaders=content-type;host, Signature=",
		},
		`{acs3: {id: "${keys.id}", secret: "${keys.secret}"}}`: {
			"X-Acs-Signature-Nonce: NONCE", "X-Acs-Date: 2015-08-30T12:36:00Z", "Authorization: ACS3-HMAC-SHA256 Credential=ID,SignedHeaders=content-type;host;x-acs-",
		},
	} {
		c, _, err := signedBy(t, scheme).play(t.Context(), sent{target: "a@example.com", password: "Secret-1-Pass"}, told{status: 200, body: `{"status": "ok"}`})
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range append(want, "\n\n"+`{"password":"Secret-1-Pass"}`) {
			if !strings.Contains(c.text(), part) {
				t.Errorf("%s sends no %q:\n%s", scheme, part, c.text())
			}
		}
		if strings.Contains(c.text(), "SECRET") {
			t.Errorf("%s sends its secret:\n%s", scheme, c.text())
		}
	}
}

// Two requests are never signed alike.
func TestEveryRequestHasItsOwnStamp(t *testing.T) {
	t.Parallel()
	p := signedBy(t, `{acs3: {id: "${keys.id}", secret: "${keys.secret}"}}`).Provider()
	server := providertest.Serve(t, answering(200, `{"status": "ok"}`))
	c, err := p.New(server.Settings(p, ""))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Setter.Set(t.Context(), "a@example.com", secret.New("Secret-1-Pass")); err != nil {
			t.Fatal(err)
		}
	}
	if sent := server.Sent(); sent[0] == sent[1] {
		t.Errorf("sent twice:\n%s", sent[0])
	}
}

// A signature that is refused to a clock which is off says nothing of the key.
func TestAClockThatIsOffIsNoFaultOfTheKey(t *testing.T) {
	t.Parallel()
	signed := signedBy(t, `{tc3: {id: "${keys.id}", secret: "${keys.secret}", service: ses}}`, "{status: 401, text: no", "{status: 401")
	plain := describe(t, "setter.yaml", "{status: 401, text: no", "{status: 401")
	body := `{"status": "no"}`
	for _, test := range []struct {
		d    *Description
		date string
		want string
	}{
		{signed, "Thu, 01 Jan 1970 00:00:00 GMT", "clock skew"},
		{signed, "Tue, 01 Jan 2999 00:00:00 GMT", "clock skew"},
		{signed, "", "unauthorized"},
		{signed, "soon", "unauthorized"},
		{plain, "Thu, 01 Jan 1970 00:00:00 GMT", "unauthorized"},
	} {
		a := answering(401, body)
		if test.date != "" {
			a.Header = map[string]string{"Date": test.date}
		}
		if got := kindOf(set(t, test.d, a)); got != test.want {
			t.Errorf("at %q: %q, want %q", test.date, got, test.want)
		}
	}
	if got := kindOf(set(t, signed, providertest.Answer{Status: 404, Header: map[string]string{"Date": "Thu, 01 Jan 1970 00:00:00 GMT"}, Body: body})); got != "target" {
		t.Errorf("another refusal: %q", got)
	}
}

func TestAPasswordIsDerived(t *testing.T) {
	t.Parallel()
	d := describe(t, "minter.yaml", "endpoint: https://api.example.com/v1", "regions: [{name: us-west-2, endpoint: \"https://api.example.com/v1\"}, {name: us-east-1, endpoint: \"https://api.example.com/v1\"}]",
		"shows: {id: id,", "shows: {id: id, derive: ses-smtp,", "means: success, shows: made", "means: success, shows: BAHYCMpEwS1PNQMeSuqUTZzM0mUZOtOi1Fd6Wn9lVPcN")
	const key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	for region, want := range map[string]string{"": "BF2PynzbSCAjX08zhZZnP/kW+T9P5zs/1Er0pi5vTEmd", "us-east-1": "BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9"} {
		_, made, err := d.play(t.Context(), sent{region: region, target: "example.com"}, told{status: 201, body: `{"id": "c-1", "name": "kt-example-0a1b2c3d-1", "secret": "` + key + `"}`})
		if err != nil || made.Password.Reveal() != want {
			t.Errorf("in %q: %q, %v", region, made.Password.Reveal(), err)
		}
		_, _, err = d.play(t.Context(), sent{region: region, target: "example.com"}, told{status: 400, body: `{"id": "c-1", "error": "PlainSecret1", "request_id": "PlainSecret1", "secret": "PlainSecret1"}`})
		if err == nil || strings.Contains(err.Error(), "PlainSecret1") {
			t.Errorf("the error shows what the password is made of: %v", err)
		}
	}
}

func TestABadSchemeIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	good := source(t, "setter.yaml")
	for scheme, want := range map[string]string{
		`{tc3: {id: "${keys.token}", secret: "${keys.token}"}}`:                           "auth.tc3.service: is missing",
		`{tc3: {id: "${keys.token}", secret: a, service: ses, region: x}}`:                "auth.tc3.region: unknown field",
		`{sigv4: {id: "${keys.token}", secret: "${target}", service: a, region: b}}`:      "${target} must not stand in the authentication",
		`{sigv4: {id: a, secret: b, service: a, region: b}}`:                              "auth: names no key",
		`{acs3: {id: "${keys.token}", secret: "${keys.token}"}, bearer: "${keys.token}"}`: "auth: must have exactly one of: basic, bearer, header, query, acs3, sigv4, tc3",
		`{hmac: {id: "${keys.token}"}}`:                                                   "auth.hmac: unknown field",
	} {
		if _, err := Read("p.yaml", []byte(edit(t, good, `{bearer: "${keys.token}"}`, scheme))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got\n%v\nwant\n%s", scheme, err, want)
		}
	}
	signed := []string{`{bearer: "${keys.token}"}`, `{acs3: {id: "${keys.token}", secret: "${keys.token}"}}`}
	if _, err := Read("p.yaml", []byte(edit(t, good, append(signed, "{status: 404, kind: target", "{status: 404, kind: clock skew", "means: target", "means: clock skew")...))); err != nil {
		t.Errorf("a signed request has no clock: %v", err)
	}
	if _, err := Read("p.yaml", []byte(edit(t, source(t, "minter.yaml"), "shows: {id: id,", "shows: {id: id, derive: ses-smtp,"))); err == nil || !strings.Contains(err.Error(), "shows.derive: depends on the region") {
		t.Error(err)
	}
}
