package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
)

// Console says where the console is served, how people reach it, and who may do what there.
type Console struct {
	Listen string // host:port
	// URL is how people reach it: scheme, host and, unless it is the scheme's own, a port, as browsers write them. Its Host
	// is the only one that is accepted.
	URL         *url.URL
	TLS         *ConsoleTLS    // nil: without TLS
	BehindProxy bool           // a proxy ends TLS
	Tokens      []ConsoleToken // sorted by name; at least one where there is no OIDC
	OIDC        *ConsoleOIDC   // nil: people log in with tokens alone
}

// ConsoleTLS is the server's side of TLS.
type ConsoleTLS struct {
	CertFile string // PEM
	KeyFile  string // PEM
}

// ConsoleToken is what one person or program shows to be let in. The token itself stands nowhere. Exactly one of Digest and
// File is set.
type ConsoleToken struct {
	Name   string
	Role   ConsoleRole
	Digest [32]byte // SHA-256 of the token
	File   string   // has the digest, as hexadecimal digits; it is read when it is used, never while the configuration is loaded
}

// ConsoleRole is what a token allows.
type ConsoleRole string

// The roles of the console.
const (
	ConsoleViewer   ConsoleRole = "viewer"
	ConsoleOperator ConsoleRole = "operator"
	ConsoleAdmin    ConsoleRole = "admin"
)

const (
	consoleListen = "127.0.0.1:8420"
	urlAdvice     = "such as https://keyturn.example.com"
	digestAdvice  = "the 64 hexadecimal digits that `printf %s TOKEN | sha256sum` prints"
	tokenAdvice   = "such as alice: {role: viewer, sha256: DIGEST}; DIGEST is what `printf %s TOKEN | sha256sum` prints"
	roleAdvice    = "one of: viewer, operator, admin"
	// emptyDigest is what sha256sum prints where the token was not there.
	emptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

var roleNames = []string{string(ConsoleViewer), string(ConsoleOperator), string(ConsoleAdmin)}

// rawConsole is a console before its parts are held against each other.
type rawConsole struct {
	Console
	listen, url, tokens *document.Value
}

var consoleFields = fields[rawConsole]{
	{"listen", func(_ *loader, r *rawConsole, v *document.Value) { r.listen = v }},
	{"url", func(_ *loader, r *rawConsole, v *document.Value) { r.url = v }},
	{"tls", func(l *loader, r *rawConsole, v *document.Value) { r.TLS = l.consoleTLS(v) }},
	{"behind_proxy", func(_ *loader, r *rawConsole, v *document.Value) { r.BehindProxy = v.Boolean() }},
	{"tokens", func(_ *loader, r *rawConsole, v *document.Value) { r.tokens = v }},
	{"oidc", func(l *loader, r *rawConsole, v *document.Value) { r.OIDC = l.consoleOIDC(v) }},
}

var consoleTLSFields = fields[ConsoleTLS]{
	{"cert_file", func(l *loader, t *ConsoleTLS, v *document.Value) { t.CertFile = l.certificates(v) }},
	{"key_file", func(l *loader, t *ConsoleTLS, v *document.Value) { t.KeyFile = l.file(v) }},
}

var consoleTokenFields = fields[ConsoleToken]{
	{"role", func(_ *loader, t *ConsoleToken, v *document.Value) { t.Role = consoleRole(v) }},
	{"sha256", func(_ *loader, t *ConsoleToken, v *document.Value) { t.Digest = tokenDigest(v) }},
	{"file", func(l *loader, t *ConsoleToken, v *document.Value) { t.File = l.file(v) }},
}

func (l *loader) console(v *document.Value) {
	if v.Kind() != document.Null && !v.Is(document.Object) {
		return
	}
	var raw rawConsole
	consoleFields.decode(l, v, &raw)
	c := raw.Console
	c.Listen = consoleListen
	if raw.listen != nil {
		c.Listen = listenAddress(raw.listen)
	}
	host, port, _ := net.SplitHostPort(c.Listen) // empty after an error that was reported
	local := isLoopback(host)
	if host != "" && !local && c.TLS == nil && !c.BehindProxy {
		raw.listen.Fail("give tls, or behind_proxy: true where a proxy ends TLS", "is not a loopback address: tokens would travel in clear")
	}
	switch {
	case raw.url != nil:
		c.URL = consoleURL(raw.url)
		c.checkScheme(raw.url)
	case local:
		c.URL = webOrigin(c.scheme(), host, port)
	case host != "":
		v.FailIn("url", urlAdvice, "is missing: listen is not a loopback address, and does not tell how people reach the console")
	}
	switch {
	case raw.tokens != nil:
		c.Tokens = l.consoleTokens(raw.tokens)
	case c.OIDC == nil:
		v.FailIn("tokens", tokenAdvice, "is missing")
	}
	l.cfg.Console = &c
}

// scheme is what the console itself speaks.
func (c *Console) scheme() string {
	if c.TLS != nil {
		return "https"
	}
	return "http"
}

// checkScheme warns of a URL that does not reach what is served. A proxy may stand between the two.
func (c *Console) checkScheme(v *document.Value) {
	switch {
	case c.URL == nil || c.BehindProxy || c.URL.Scheme == c.scheme():
	case c.TLS != nil:
		v.Warn("write https", "the console is served with TLS, and http does not reach it")
	default:
		v.Warn("give tls, or behind_proxy: true where a proxy ends TLS", "the console is served without TLS, and https does not reach it")
	}
}

func (l *loader) consoleTLS(v *document.Value) *ConsoleTLS {
	t := &ConsoleTLS{}
	consoleTLSFields.decode(l, v, t)
	v.Require("cert_file", "key_file")
	return t
}

// listenAddress returns host:port, "" after an error. A host must stand there: ":8420" hides that it means every address.
func listenAddress(v *document.Value) string {
	address := v.Text()
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	switch {
	case address == "": // said already
	case err != nil || host == "":
		v.FailUnseen("such as "+consoleListen+"; 0.0.0.0 is every address", "must be HOST:PORT")
	default:
		return address
	}
	return ""
}

// hostForm is what a host may look like that is no address.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?$`)

// consoleURL returns scheme and host of how people reach the console, nil after an error. What is wrong is not shown where it may
// hold a password or a token.
func consoleURL(v *document.Value) *url.URL {
	text := v.Text()
	if text == "" {
		return nil
	}
	u, err := rotation.ParseServer(text)
	switch {
	case err != nil:
		v.FailUnseen(urlAdvice, "%v", err)
	case u.Path != "" && u.Path != "/":
		v.FailUnseen(urlAdvice, "must have no path: the console is served at the root of its host")
	case !isHost(u.Hostname()) || !isPort(u.Port()):
		v.FailUnseen(urlAdvice, "%v", rotation.ErrServerURL)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		v.Fail("use https: give tls, or behind_proxy: true where a proxy ends TLS", "sends tokens in clear")
	default:
		return webOrigin(u.Scheme, u.Hostname(), u.Port())
	}
	return nil
}

func isHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Zone() == "" || err != nil && hostForm.MatchString(host)
}

// isPort tells whether a URL may have the port; "" is the scheme's own.
func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// isLoopback tells whether only this machine reaches the host.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() || strings.EqualFold(host, "localhost")
}

// webOrigin writes a URL as browsers do: small letters, addresses in their short form, and no port that is the scheme's own.
func webOrigin(scheme, host, port string) *url.URL {
	host = strings.ToLower(host)
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.String()
	}
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		port = strconv.FormatUint(n, 10)
	}
	own := map[string]string{"http": "80", "https": "443"}
	if port != "" && port != own[scheme] {
		return &url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port)}
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return &url.URL{Scheme: scheme, Host: host}
}
