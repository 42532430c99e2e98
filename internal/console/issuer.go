package console

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"keyturn/internal/secret"
)

// OIDC is an issuer of OpenID Connect, which says who a person is. Its exported fields do not change. Safe for concurrent use.
type OIDC struct {
	Name     string // for people
	Issuer   string // its URL, exactly as it calls itself
	ClientID string
	// Secret is the client's, as it is now; nil: a public client.
	Secret func(context.Context) (secret.Value, error)
	Scopes []string
	Claim  string          // of the ID token, or of what the userinfo endpoint says, which has a person's groups
	Roles  map[string]Role // by group
	CA     *x509.CertPool  // nil: the system's roots

	// It is asked for its endpoints when a person logs in, so that a console starts without it.
	met    atomic.Pointer[endpoints]
	asking singleflight.Group
	silent atomic.Bool // it did not answer the last time
}

const (
	issuerTime  = 5 * time.Second // for one answer of an issuer
	maxAnswer   = 1 << 20
	endpointAge = time.Hour // after which an issuer is asked again where its endpoints are
	maxSubject  = 255       // bytes, as OpenID Connect has it
	maxNamed    = 100       // bytes of a person's name; with what By adds, a job has room for it
	maxWhy      = 300       // bytes of what an issuer says about an error
)

// endpoints are how an issuer is spoken with.
type endpoints struct {
	at     time.Time
	oauth  oauth2.Endpoint
	client *http.Client
	oidc   *oidc.Provider
}

// Person is who has logged in at an issuer.
type Person struct {
	Issuer  string   `json:"issuer"`
	Subject string   `json:"subject"` // identifies the person at the issuer
	Name    string   `json:"name"`    // for people
	Groups  []string `json:"groups"`  // those that had a role at the login
}

// role is the highest one that a person's groups have in this configuration.
func (o *OIDC) role(p *Person) Role {
	role := None
	for _, group := range p.Groups {
		role = max(role, o.Roles[group])
	}
	return role
}

// meet returns the endpoints. People who log in at the same time wait for one answer, each as long as its own context.
func (o *OIDC) meet(ctx context.Context, now time.Time) (*endpoints, error) {
	if e := o.met.Load(); e != nil && now.Sub(e.at).Abs() < endpointAge {
		return e, nil
	}
	answer := o.asking.DoChan("", func() (any, error) {
		e, err := o.discover(context.WithoutCancel(ctx), now)
		o.silent.Store(err != nil)
		if err == nil {
			o.met.Store(e)
		}
		return e, err
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case a := <-answer:
		e, _ := a.Val.(*endpoints)
		return e, a.Err
	}
}

func (o *OIDC) discover(ctx context.Context, now time.Time) (*endpoints, error) {
	e := &endpoints{at: now, client: o.client()}
	var err error
	if e.oidc, err = oidc.NewProvider(oidc.ClientContext(ctx, e.client), o.Issuer); err != nil {
		return nil, err
	}
	e.oauth = e.oidc.Endpoint()
	var more struct {
		Keys    string   `json:"jwks_uri"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := e.oidc.Claims(&more); err != nil {
		return nil, err
	}
	for name, address := range map[string]string{"authorization_endpoint": e.oauth.AuthURL, "token_endpoint": e.oauth.TokenURL, "jwks_uri": more.Keys} {
		if !o.safe(address) {
			return nil, fmt.Errorf("its %s is not an https URL", name)
		}
	}
	// Said, and not tried out: a code that came with the wrong method may be used up.
	e.oauth.AuthStyle = oauth2.AuthStyleInHeader
	if o.Secret == nil || len(more.Methods) > 0 && !slices.Contains(more.Methods, "client_secret_basic") {
		e.oauth.AuthStyle = oauth2.AuthStyleInParams
	}
	return e, nil
}

// safe tells whether an address that the issuer names is as safe as its own.
func (o *OIDC) safe(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "https" || strings.HasPrefix(o.Issuer, u.Scheme+":"))
}

// client speaks with the issuer alone: it follows no redirect, waits for no answer for long, and reads none that does not end.
func (o *OIDC) client() *http.Client {
	return &http.Client{
		Timeout:       issuerTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: bounded{&http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: issuerTime}).DialContext, TLSHandshakeTimeout: issuerTime,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.CA}, MaxResponseHeaderBytes: maxBody,
			DisableKeepAlives: true, DisableCompression: true, // people log in rarely; a bound counts what arrives
		}},
	}
}

// bounded ends answers that are too long.
type bounded struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxAnswer), res.Body}
	}
	return res, err
}

func (o *OIDC) config(e *endpoints, redirect string) *oauth2.Config {
	return &oauth2.Config{ClientID: o.ClientID, Endpoint: e.oauth, RedirectURL: redirect, Scopes: o.Scopes}
}

// ask is where a person says who it is, for a login.
func (o *OIDC) ask(ctx context.Context, now time.Time, l login, redirect string) (string, error) {
	e, err := o.meet(ctx, now)
	if err != nil {
		return "", err
	}
	return o.config(e, redirect).AuthCodeURL(l.state(), oidc.Nonce(l.nonce()), oauth2.S256ChallengeOption(l.verifier())), nil
}

// hear trades the code that a login came back with for who the person is.
func (o *OIDC) hear(ctx context.Context, now time.Time, l login, redirect, code string) (*Person, error) {
	e, err := o.meet(ctx, now)
	if err != nil {
		return nil, err
	}
	settings := o.config(e, redirect)
	if o.Secret != nil {
		value, err := o.Secret(ctx)
		if err != nil {
			return nil, err
		}
		settings.ClientSecret = value.Reveal()
	}
	token, err := settings.Exchange(oidc.ClientContext(ctx, e.client), code, oauth2.VerifierOption(l.verifier()))
	if err != nil {
		return nil, err
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := e.oidc.Verifier(&oidc.Config{ClientID: o.ClientID, Now: func() time.Time { return now }}).Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("ID token: %w", err)
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return nil, fmt.Errorf("ID token: %w", err)
	}
	switch party, given := claims["azp"]; {
	case !same(id.Nonce, l.nonce()):
		return nil, errors.New("ID token: it is of another login")
	case given && party != o.ClientID:
		return nil, errors.New("ID token: it is for another client")
	case id.Subject == "" || len(id.Subject) > maxSubject:
		return nil, errors.New("ID token: it does not say whom it is about")
	}
	if _, told := claims[o.Claim]; !told && e.oidc.UserInfoEndpoint() != "" {
		if claims[o.Claim], err = o.look(ctx, e, token, id.Subject); err != nil {
			return nil, fmt.Errorf("userinfo: %w", err)
		}
	}
	return o.person(id.Subject, claims), nil
}

// look asks the userinfo endpoint for the groups, which some issuers keep out of ID tokens.
func (o *OIDC) look(ctx context.Context, e *endpoints, token *oauth2.Token, subject string) (any, error) {
	if !o.safe(e.oidc.UserInfoEndpoint()) {
		return nil, errors.New("its address is not an https URL")
	}
	info, err := e.oidc.UserInfo(oidc.ClientContext(ctx, e.client), oauth2.StaticTokenSource(token))
	switch {
	case err != nil && !unreached(err):
		status, _, _ := strings.Cut(err.Error(), ": ") // what follows may quote the token
		switch code, _, _ := strings.Cut(status, " "); {
		case code == "429" || len(code) == 3 && code[0] == '5':
			return nil, fmt.Errorf("%w: %s", errSilent, shown(status, maxWhy))
		case len(code) == 3 && code[0] >= '3' && code[0] <= '4':
			return nil, errors.New(shown(status, maxWhy))
		}
		return nil, errors.New("its answer cannot be used")
	case err != nil:
		return nil, err
	case info.Subject != subject:
		return nil, errors.New("it is about another person")
	}
	var claims map[string]any
	err = info.Claims(&claims)
	return claims[o.Claim], err
}

// person keeps of an ID token what is shown and what has a role.
func (o *OIDC) person(subject string, claims map[string]any) *Person {
	text := func(name string) string {
		s, _ := claims[name].(string)
		return shown(s, maxNamed)
	}
	email := text("email")
	if v := claims["email_verified"]; v == false || v == "false" { // a person may have written anything there
		email = ""
	}
	p := &Person{Issuer: o.Issuer, Subject: subject, Name: cmp.Or(email, text("preferred_username"), shown(subject, maxNamed)), Groups: []string{}}
	groups, _ := claims[o.Claim].([]any)
	if one, ok := claims[o.Claim].(string); ok {
		groups = []any{one}
	}
	for _, group := range groups {
		if name, _ := group.(string); o.Roles[name] != None && !slices.Contains(p.Groups, name) {
			p.Groups = append(p.Groups, name)
		}
	}
	return p
}

// whyNot is what may be logged of an error of an issuer. The text that comes with a refusal of a code may quote the code, or the
// client's secret.
func whyNot(err error) string {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return shown(fmt.Sprintf("the token endpoint answers %s %s", refused.Response.Status, refused.ErrorCode), maxWhy)
	}
	return shown(err.Error(), maxWhy)
}

// errSilent is an issuer that could not answer just now.
var errSilent = errors.New("it does not answer")

// unreached tells an issuer that does not answer from one that does not confirm.
func unreached(err error) bool {
	_, ok := errors.AsType[*url.Error](err)
	return ok || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errSilent)
}
