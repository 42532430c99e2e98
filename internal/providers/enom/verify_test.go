package enom

import (
	"net/http"
	"testing"

	"keyturn/internal/providers/providertest"
	"keyturn/internal/rotation"
)

func TestVerifyAsksWhatThePagesAskFor(t *testing.T) {
	t.Parallel()
	server := providertest.Serve(t, providertest.Answer{Body: providertest.Fixture(t, "success.xml")})
	if verdict, err := testClient(t, server, "").Verify(t.Context(), target, password); verdict != rotation.Works || err != nil {
		t.Fatalf("got %v, %v", verdict, err)
	}
	providertest.CheckSent(t, server, "validate.request")

	server = providertest.Serve(t, providertest.Answer{Body: providertest.Fixture(t, "password.xml")})
	if verdict, err := testClient(t, server, "").readBack(t.Context(), target, password); verdict != rotation.Works || err != nil {
		t.Fatalf("got %v, %v", verdict, err)
	}
	providertest.CheckSent(t, server, "get.request")
}

func TestVerifyTellsRefusedFromCouldNotAsk(t *testing.T) {
	t.Parallel()
	fixture := func(name string) providertest.Answer { return providertest.Answer{Body: providertest.Fixture(t, name)} }
	another := failure(t, "error.xml", "304156", "The domain password is not valid")
	unclear := failure(t, "error.xml", "304156", "The password is not valid")
	unknown := failure(t, "error.xml", "316153", "Command not known")
	login := failure(t, "error.xml", "304155", "Bad User name or Password")
	wrong := fixture("password.txt")
	wrong.Body = "DomainPassword=another\nErrCount=0\nDone=true\n"

	for name, test := range map[string]struct {
		answers []providertest.Answer
		want    rotation.Verdict
		calls   int
	}{
		"valid":                              {[]providertest.Answer{fixture("success.xml")}, rotation.Works, 1},
		"not valid":                          {[]providertest.Answer{another}, rotation.Refused, 1},
		"unclear, read back equal":           {[]providertest.Answer{unclear, fixture("password.xml")}, rotation.Works, 2},
		"unclear, read back equal in text":   {[]providertest.Answer{unclear, fixture("password.txt")}, rotation.Works, 2},
		"unclear, read back another":         {[]providertest.Answer{unclear, wrong}, rotation.Refused, 2},
		"unclear, read back unset":           {[]providertest.Answer{unclear, fixture("password-unset.xml")}, rotation.Refused, 2},
		"unclear, read back shows nothing":   {[]providertest.Answer{unclear, fixture("success.xml")}, rotation.Unknown, 2},
		"unclear, read back refused":         {[]providertest.Answer{unclear, login}, rotation.Unknown, 2},
		"command not known, read back":       {[]providertest.Answer{unknown, fixture("password.xml")}, rotation.Works, 2},
		"keys refused":                       {[]providertest.Answer{login}, rotation.Unknown, 1},
		"throttled":                          {[]providertest.Answer{{Status: http.StatusTooManyRequests}}, rotation.Unknown, 1},
		"broken":                             {[]providertest.Answer{{Status: http.StatusBadGateway, Body: "<html>"}}, rotation.Unknown, 1},
		"under maintenance, not asked again": {[]providertest.Answer{failure(t, "error.xml", "618000", "maintenance")}, rotation.Unknown, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := providertest.Serve(t, test.answers...)
			verdict, err := testClient(t, server, "").Verify(t.Context(), target, password)
			if verdict != test.want || (err != nil) != (test.want == rotation.Unknown) {
				t.Errorf("got %v, %v; want %v", verdict, err, test.want)
			}
			if calls := len(server.Sent()); calls != test.calls {
				t.Errorf("made %d calls, want %d", calls, test.calls)
			}
		})
	}
}
