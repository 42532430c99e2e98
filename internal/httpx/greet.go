package httpx

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/url"
	"time"

	"keyturn/internal/rotation"
)

// Greeting is what an endpoint answers to anyone.
type Greeting struct {
	// Date is by the server's clock, to the second, cut off; zero where no answer says.
	Date  time.Time
	Asked time.Time // by ours
	Trip  time.Duration
}

// Greet connects to an endpoint as a Client does, TLS included, and sends HEAD for its root, without keys: a request that
// changes nothing. What the server makes of it does not matter, and a server that does not answer it has been reached all
// the same. Without a ca the system's roots certify it. The error says why it could not be reached.
func Greet(ctx context.Context, endpoint *url.URL, ca *x509.CertPool) (Greeting, error) {
	var proof connProof
	req := (&http.Request{
		Method: http.MethodHead, URL: &url.URL{Scheme: endpoint.Scheme, Host: endpoint.Host, Path: "/"}, Host: endpoint.Host,
		Header: http.Header{"User-Agent": {"keyturn"}},
	}).WithContext(proof.watch(ctx))
	way := transport(nil, ca, Fresh)
	g := Greeting{Asked: rotation.WallClock{}.Now()}
	resp, err := way.RoundTrip(req)
	if err != nil && !proof.got.Load() {
		return Greeting{}, publicCause(ctx, err)
	}
	if err != nil {
		return g, nil //nolint:nilerr // there was a connection, which is what was to be found out
	}
	g.Trip = rotation.WallClock{}.Now().Sub(g.Asked)
	g.Date, _ = http.ParseTime(resp.Header.Get("Date"))
	return g, resp.Body.Close()
}
