package signature_test

import (
	"net/http"
	"strings"
	"testing"

	"keyturn/internal/providers/signature"
	"keyturn/internal/secret"
)

// The example of Amazon's own page on the scheme.
func TestSigV4MatchesThePublishedVector(t *testing.T) {
	t.Parallel()
	u := mustParse(t, "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08")
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}, "Accept": {"text/xml"}}
	signature.SigV4{KeyID: "AKIDEXAMPLE", Secret: secret.New("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), Region: "us-east-1", Service: "iam"}.
		Sign(http.MethodGet, u, header, nil, at(t, "2015-08-30T14:36:00+02:00"))
	want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, " +
		"Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
	if got := header.Get("Authorization"); got != want || header.Get("X-Amz-Date") != "20150830T123600Z" {
		t.Errorf("Authorization\n got %s\nwant %s", got, want)
	}
}

// All services but S3 escape the path once more that was escaped to be sent. The signature was worked out apart from this code.
func TestSigV4EscapesASentPathOnceMore(t *testing.T) {
	t.Parallel()
	header := http.Header{}
	signature.SigV4{KeyID: "AKIDEXAMPLE", Secret: secret.New("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), Region: "eu-west-1", Service: "ses"}.
		Sign(http.MethodGet, mustParse(t, "https://email.eu-west-1.amazonaws.com/v2/email/identities/a@b.example%2F%20c"), header, nil, at(t, "2015-08-30T12:36:00Z"))
	if got, want := header.Get("Authorization"), "9f4c4ec199207a9d5c145d3834510689fb90c294e0a8481f5aa76c83ee3b258d"; !strings.HasSuffix(got, "Signature="+want) {
		t.Errorf("%s, want the signature %s", got, want)
	}
}

func TestSigV4SignsTheBody(t *testing.T) {
	t.Parallel()
	signed := map[string]bool{}
	for _, body := range []string{"", "Action=ListUsers", "Action=ListUsers "} {
		header := http.Header{}
		signature.SigV4{KeyID: "id", Secret: secret.New("secret"), Region: "r", Service: "s"}.
			Sign(http.MethodPost, mustParse(t, "https://iam.amazonaws.com/"), header, []byte(body), at(t, "2015-08-30T12:36:00Z"))
		signed[header.Get("Authorization")] = true
		if !strings.Contains(header.Get("Authorization"), "SignedHeaders=host;x-amz-date,") {
			t.Errorf("signed as %s", header.Get("Authorization"))
		}
	}
	if len(signed) != 3 {
		t.Errorf("%d signatures of three bodies", len(signed))
	}
}

// Amazon publishes the algorithm and a script, and no password. The first two are what that script prints for the page's key;
// the others stand in the tests of a program that is known to log in with them.
func TestTheSMTPPasswordOfSESIsDerivedAsPublished(t *testing.T) {
	t.Parallel()
	for _, vector := range []struct{ key, region, want string }{
		{"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1", "BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9"},
		{"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-west-2", "BF2PynzbSCAjX08zhZZnP/kW+T9P5zs/1Er0pi5vTEmd"},
		{"some+secret+key", "eu-central-1", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"},
		{"another+secret+key", "eu-central-1", "BBbphbrQmrKMx42d1N6+C7VINYEBGI5v9VsZeTxwskfh"},
		{"some+secret+key", "us-west-1", "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj"},
		{"another+secret+key", "us-west-1", "BKVmjjMDFk/qqw8EROW99bjCS65PF8WKvK5bSr4Y6EqF"},
	} {
		if got := signature.SESPassword(secret.New(vector.key), vector.region).Reveal(); got != vector.want {
			t.Errorf("%s in %s: %s, want %s", vector.key, vector.region, got, vector.want)
		}
	}
}
