package httpx

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// Connections says how a provider's connections are used.
//
// net/http repeats a request on its own when a reused connection breaks: any request of which it wrote nothing, and a
// GET even if it may have arrived, in both cases only if it has no body or one that it can rewind. Our bodies cannot
// be rewound. So calls that change something without a body (eNom's GET, KIRIM's PUT) use Fresh connections, and every
// send is exactly one send.
type Connections int

const (
	// Pooled connections are kept and used again. Every call that changes something must have a body.
	Pooled Connections = iota + 1
	// Fresh connections serve one request each.
	Fresh
)

// Limits of one connection. The time-out of the whole call comes from rotation.Settings and always holds as well.
const (
	dialTimeout  = 10 * time.Second
	tlsTimeout   = 10 * time.Second
	idleTimeout  = 30 * time.Second // below the usual 60 s of servers: they must not close first
	keepAlive    = 15 * time.Second
	idlePerHost  = 64 // the largest concurrency of one account
	headersLimit = 64 << 10
)

// transport returns the transport of one account. A given *http.Transport is copied, so that its proxy and certificate
// settings hold, and gets the same guarantees; another kind of RoundTripper is trusted to send once.
func transport(given http.RoundTripper, ca *x509.CertPool, use Connections) http.RoundTripper {
	var t *http.Transport
	switch given := given.(type) {
	case nil:
		t = &http.Transport{
			Proxy:       http.ProxyFromEnvironment,
			DialContext: (&net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}).DialContext,
		}
	case *http.Transport:
		t = given.Clone()
	default:
		return given
	}
	t.TLSHandshakeTimeout = tlsTimeout
	t.IdleConnTimeout = idleTimeout
	t.MaxIdleConns = 0
	t.MaxIdleConnsPerHost = idlePerHost
	t.MaxResponseHeaderBytes = headersLimit
	t.DisableCompression = true // the body cap then counts what arrives
	t.DisableKeepAlives = use == Fresh

	// HTTP/1 only: Go's HTTP/2 client repeats requests on errors that do not prove that the first one was ignored.
	t.ForceAttemptHTTP2 = false
	t.TLSNextProto = nil
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	if ca != nil {
		if t.TLSClientConfig == nil {
			t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		t.TLSClientConfig.RootCAs = ca
	}
	if t.TLSClientConfig != nil {
		t.TLSClientConfig.NextProtos = nil
	}
	return t
}
