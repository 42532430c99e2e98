package main

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/oauth2-proxy/mockoidc"

	"keyturn/internal/app/apptest"
)

var leads = regexp.MustCompile(`<meta http-equiv="refresh" content="0;url=([^"]+)">`)

func TestAPersonHasTheRoleOfItsGroupsUntilTheConfigurationChanges(t *testing.T) {
	t.Parallel()
	mockoidc.TokenEndpointAuthMethodsSupported = []string{"client_secret_post"} // it says that it knows basic too, and does not
	issuer, err := mockoidc.Run()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = issuer.Server.Close() })
	s := apptest.New(t)
	s.SES("one")
	s.WriteFile("oidc-secret", issuer.ClientSecret+"\n")
	configure := func(roles string) {
		s.Configure(apptest.Settings{Top: withConsole(fmt.Sprintf(`  oidc:
    issuer: %q
    client_id: %q
    client_secret: {file: oidc-secret}
    roles: %s
`, issuer.Issuer(), issuer.ClientID, roles))})
	}
	configure("{operator: [mail]}")
	w := open(t, s)
	issuer.QueueUser(&mockoidc.MockUser{Subject: "4711", Email: "alice@example.com", Groups: []string{"mail", "sales"}})
	status, page := w.form("/login/oidc", url.Values{"next": {"/events"}})
	found := leads.FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("%d %s", status, page)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, html.UnescapeString(found[1]), nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, page := w.send(req, nil); status != http.StatusOK || !strings.Contains(page, `content="0;url=/events"`) {
		t.Fatalf("%d %s", status, page)
	}
	is := func(role string) func() bool {
		return func() bool {
			_, page := w.call(http.MethodGet, "/", "", "", nil)
			return strings.Contains(page, "<span>alice@example.com, "+role+"</span>")
		}
	}
	if !is("operator")() {
		t.Fatal("the person has another role")
	}
	configure("{viewer: [mail]}")
	s.Until("the group has another role", is("viewer"))
	configure("{viewer: [sale]}")
	s.Until("no group has a role", func() bool {
		status, _ := w.call(http.MethodGet, "/v1/fleet", "", "", nil)
		return status == http.StatusUnauthorized
	})
	if text := w.log(); strings.Contains(text, issuer.ClientSecret) || !strings.Contains(text, `"by":"alice@example.com","subject":"4711","role":"operator","outcome":"done"`) {
		t.Errorf("the log has %s", text)
	}
}
