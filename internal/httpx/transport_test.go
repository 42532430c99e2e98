package httpx_test

import (
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"keyturn/internal/httpx"
	"keyturn/internal/rotation"
)

func TestAnEndpointIsCertifiedByTheAuthorityThatIsGiven(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	own, other := x509.NewCertPool(), x509.NewCertPool()
	own.AddCert(server.Certificate())
	for name, given := range map[string]http.RoundTripper{"by default": nil, "over a given transport": &http.Transport{}} {
		s := settings(server.URL)
		s.Transport, s.CA = given, own
		c := client(t, s, httpx.Pooled)
		if _, err := c.Do(t.Context(), get(c)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.CA = other
		c = client(t, s, httpx.Pooled)
		_, err := c.Do(t.Context(), get(c))
		checkFailure(t, err, rotation.NotSent)
	}
}
