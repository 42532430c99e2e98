package tracing

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"keyturn/internal/certs"
)

// settings are what the variables say.
type settings struct {
	endpoint *url.URL
	headers  http.Header // may hold keys
	gzip     bool
	timeout  time.Duration // of one export
	tls      *tls.Config
	sampler  sdktrace.Sampler
	whole    bool // the local parts of addresses may be shown
}

// environment are variables. Each of OTLP's has a form for traces alone, which counts more.
type environment func(string) string

func (env environment) get(name string) string { return strings.TrimSpace(env(name)) }

// otlp returns one of OTLP's variables, and its name.
func (env environment) otlp(what string) (name, value string) {
	name = "OTEL_EXPORTER_OTLP_TRACES_" + what
	if value = env.get(name); value == "" {
		name = "OTEL_EXPORTER_OTLP_" + what
		value = env.get(name)
	}
	return name, value
}

// read returns nil where no traces are asked for. Where they are, a value that is not understood is an error: traces that
// silently go elsewhere are missed when they are needed.
func read(getenv func(string) string) (*settings, error) {
	env := environment(getenv)
	if strings.EqualFold(env.get("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	_, endpoint := env.otlp("ENDPOINT")
	switch exporter := env.get("OTEL_TRACES_EXPORTER"); {
	case exporter == "none" || exporter == "" && endpoint == "":
		return nil, nil
	case exporter != "otlp" && exporter != "":
		return nil, refuse("OTEL_TRACES_EXPORTER", exporter, "keyturn has otlp, and none for no traces")
	}
	if name, protocol := env.otlp("PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
		return nil, refuse(name, protocol, "keyturn speaks http/protobuf alone: collectors listen for it on port 4318")
	}
	s := &settings{}
	var endpointErr, headersErr, packedErr, timeoutErr, tlsErr, samplerErr, wholeErr error
	s.endpoint, endpointErr = env.endpoint()
	s.headers, headersErr = env.headers()
	s.gzip, packedErr = env.packed()
	s.timeout, timeoutErr = env.timeout()
	s.tls, tlsErr = env.tls()
	s.sampler, samplerErr = env.sampler()
	s.whole, wholeErr = env.whole()
	return s, errors.Join(endpointErr, headersErr, packedErr, timeoutErr, tlsErr, samplerErr, wholeErr)
}

// refuse names a variable, what it says and what it may say.
func refuse(name, value, possible string) error {
	const most = 64
	if len(value) > most {
		value = value[:most] + "…"
	}
	return fmt.Errorf("%s is %s: %s", name, strconv.QuoteToASCII(value), possible)
}

// endpoint is where the traces go. A user and a password in it are not repeated.
func (env environment) endpoint() (*url.URL, error) {
	name, value := env.otlp("ENDPOINT")
	u, err := url.Parse(cmp.Or(value, "http://localhost:4318"))
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%s is not an address such as http://localhost:4318", name)
	case u.User != nil:
		return nil, fmt.Errorf("%s has a user in it: give credentials in OTEL_EXPORTER_OTLP_HEADERS", name)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%s has a query or a fragment, which no collector has", name)
	case name == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT":
		u.Path = cmp.Or(u.Path, "/")
		return u, nil
	default:
		return u.JoinPath("v1", "traces"), nil
	}
}

// headers are KEY=VALUE,KEY=VALUE. They hold keys of collectors, so no error quotes any of it.
func (env environment) headers() (http.Header, error) {
	all := http.Header{}
	for _, what := range []string{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"} {
		text := env.get(what)
		if text == "" {
			continue
		}
		for i, pair := range strings.Split(text, ",") {
			name, value, ok := strings.Cut(pair, "=")
			value, err := url.PathUnescape(strings.TrimSpace(value))
			if name = strings.TrimSpace(name); !ok || err != nil || !token(name) || strings.ContainsFunc(value, control) {
				return nil, fmt.Errorf("%s: part %d is not NAME=VALUE of a header, with a percent-encoded value", what, i+1)
			}
			all.Set(name, value)
		}
	}
	return all, nil
}

// token tells whether a header may have that name.
func token(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
}

func control(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

func (env environment) packed() (bool, error) {
	switch name, value := env.otlp("COMPRESSION"); value {
	case "", "none":
		return false, nil
	case "gzip":
		return true, nil
	default:
		return false, refuse(name, value, "it is gzip or none")
	}
}

func (env environment) timeout() (time.Duration, error) {
	name, value := env.otlp("TIMEOUT")
	ms, err := strconv.ParseUint(cmp.Or(value, "10000"), 10, 31)
	if err != nil || ms == 0 {
		return 0, refuse(name, value, "it is a number of milliseconds above 0")
	}
	return time.Duration(ms) * time.Millisecond, nil
}

func (env environment) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if name, file := env.otlp("CERTIFICATE"); file != "" {
		pool, err := certs.Pool(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		c.RootCAs = pool
	}
	name, cert := env.otlp("CLIENT_CERTIFICATE")
	_, key := env.otlp("CLIENT_KEY")
	if cert == "" && key == "" {
		return c, nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s, with its CLIENT_KEY: %w", name, err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// sampler reads what the SDK would read itself, but tells of a mistake.
func (env environment) sampler() (sdktrace.Sampler, error) {
	const name, arg = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
	value := strings.ToLower(cmp.Or(env.get(name), "parentbased_always_on"))
	ratio, err := strconv.ParseFloat(cmp.Or(env.get(arg), "1"), 64)
	if strings.HasSuffix(value, "traceidratio") && (err != nil || !(ratio >= 0 && ratio <= 1)) {
		return nil, refuse(arg, env.get(arg), "it is the share of traces that are recorded, from 0 to 1")
	}
	samplers := map[string]sdktrace.Sampler{
		"always_on": sdktrace.AlwaysSample(), "always_off": sdktrace.NeverSample(), "traceidratio": sdktrace.TraceIDRatioBased(ratio),
	}
	root, parentBased := strings.CutPrefix(value, "parentbased_")
	sampler, ok := samplers[root]
	switch {
	case !ok:
		return nil, refuse(name, value, "it is always_on, always_off or traceidratio, or one of these after parentbased_")
	case parentBased:
		return sdktrace.ParentBased(sampler), nil
	default:
		return sampler, nil
	}
}

// whole reads the one variable that is keyturn's own: OpenTelemetry has none for what may be shown.
func (env environment) whole() (bool, error) {
	const name = "KEYTURN_TRACE_LOCAL_PARTS"
	switch value := env.get(name); value {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, refuse(name, value, "it is true or false")
	}
}
