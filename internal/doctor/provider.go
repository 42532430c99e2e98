package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"keyturn/internal/httpx"
)

// Endpoint is a server of a provider, and the accounts that use it.
type Endpoint struct {
	URL      *url.URL       // of which scheme and host count
	CA       *x509.CertPool // nil: the system's roots
	Accounts []string
}

// Look connects to it, and sends nothing that changes anything.
func (e Endpoint) Look(ctx context.Context) []Finding {
	f := Finding{Area: AreaProvider, Subject: e.URL.Host, Severity: OK}
	g, err := httpx.Greet(ctx, e.URL, e.CA)
	if err != nil {
		f.Severity, f.What = Error, "cannot be reached: "+err.Error()
		f.Why = "nothing rotates at " + accounts(e.Accounts)
		f.Fix = fixOf(err)
		return []Finding{f}
	}
	f.What = "reached over TLS"
	if e.URL.Scheme == "http" {
		f.What = "reached, without TLS"
	}
	f.What += ", for " + accounts(e.Accounts)
	if g.Date.IsZero() {
		return []Finding{f, Skip(AreaClock, string(AreaProvider)+" "+e.URL.Host, "it says no Date to a request without a key")}
	}
	return []Finding{f, Clock(AreaProvider, e.URL.Host, DateReading(g.Date, g.Asked, g.Trip))}
}

func fixOf(err error) string {
	text := err.Error()
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "allow this machine to connect there: a firewall or a proxy drops it (HTTPS_PROXY is heeded)"
	case strings.Contains(text, "lookup "):
		return "correct the endpoint in the configuration, or this machine's name service"
	case strings.Contains(text, "certificate") || strings.Contains(text, "x509"):
		return "name the authority of that certificate in the account's ca_file, or install it on this machine; if it is a proxy's, have the proxy let this host through"
	case strings.Contains(text, "first record does not look like a TLS handshake"):
		return "correct the port or the scheme of the endpoint: that server does not speak TLS"
	}
	return "correct the endpoint in the configuration, and allow this machine to connect there (HTTPS_PROXY is heeded)"
}

// named is how many names a finding shows.
const named = 3

// accounts names some accounts, and counts the others.
func accounts(names []string) string {
	what := "account "
	if len(names) > 1 {
		what = "accounts "
	}
	if more := len(names) - named; more > 0 {
		return fmt.Sprintf("%s%s and %d more", what, strings.Join(names[:named], ", "), more)
	}
	return what + strings.Join(names, ", ")
}
