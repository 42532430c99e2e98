package enom

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"keyturn/internal/providers/providertest"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

func TestVerifyAsksWhatThePageAsksFor(t *testing.T) {
	t.Parallel()
	server := providertest.Serve(t, providertest.Answer{Body: providertest.Fixture(t, "password.xml")})
	if verdict, err := testClient(t, server, "").ReadBack.Verify(t.Context(), target, password); verdict != rotation.Works || err != nil {
		t.Fatalf("got %v, %v", verdict, err)
	}
	providertest.CheckSent(t, server, "get.request")
}

func TestAQuestionIsOneCallAndTellsRefusedFromCouldNotAsk(t *testing.T) {
	t.Parallel()
	fixture := func(name string) providertest.Answer { return providertest.Answer{Body: providertest.Fixture(t, name)} }
	shown := func(password string) providertest.Answer {
		return providertest.Answer{Body: "DomainPassword=" + password + "\nPasswordSet=1\nErrCount=0\nDone=true\n"}
	}
	for name, test := range map[string]struct {
		answer providertest.Answer
		want   rotation.Verdict
	}{
		"equal":                   {fixture("password.xml"), rotation.Works},
		"equal in text":           {fixture("password.txt"), rotation.Works},
		"another":                 {shown("another"), rotation.Refused},
		"in another case":         {shown(strings.ToUpper(password.Reveal())), rotation.Refused},
		"unset":                   {fixture("password-unset.xml"), rotation.Refused},
		"masked":                  {shown("********"), rotation.Unknown},
		"not shown":               {shown(""), rotation.Unknown},
		"nothing said":            {fixture("success.xml"), rotation.Unknown},
		"an unclear number":       {failure(t, "error.xml", "304156", "The password is not valid"), rotation.Unknown},
		"the domain is not known": {failure(t, "error.xml", "316153", "Domain name not found"), rotation.Unknown},
		"under maintenance":       {failure(t, "error.xml", "618000", "maintenance"), rotation.Unknown},
		"broken":                  {providertest.Answer{Status: http.StatusBadGateway, Body: "<html>"}, rotation.Unknown},
		"cut":                     {providertest.Answer{Body: "DomainPassword=" + password.Reveal() + "\nErrCount=0\n"}, rotation.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := providertest.Serve(t, test.answer)
			verdict, err := testClient(t, server, "").ReadBack.Verify(t.Context(), target, password)
			if verdict != test.want || (err != nil) != (test.want == rotation.Unknown) {
				t.Errorf("got %v, %v; want %v", verdict, err, test.want)
			}
			if calls := len(server.Sent()); calls != 1 {
				t.Errorf("made %d calls, want 1", calls)
			}
		})
	}
}

func TestAQuestionThatIsThrottledOrUnauthorizedSaysSo(t *testing.T) {
	t.Parallel()
	ask := func(answer providertest.Answer) error {
		verdict, err := testClient(t, providertest.Serve(t, answer), "").ReadBack.Verify(t.Context(), target, secret.New("x"))
		if verdict != rotation.Unknown {
			t.Errorf("got %v", verdict)
		}
		return err
	}
	throttled := providertest.Answer{Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "30"}}
	if failure := providertest.CheckKind(t, ask(throttled), rotation.RateLimited); failure.RetryAfter != 30*time.Second {
		t.Errorf("RetryAfter is %v", failure.RetryAfter)
	}
	providertest.CheckKind(t, ask(failure(t, "error.xml", "304155", "Bad User name or Password")), rotation.Unauthorized)
	providertest.CheckKind(t, ask(failure(t, "error.xml", "713254", "User not permitted from this IP address")), rotation.Unauthorized)
}
