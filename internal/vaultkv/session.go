package vaultkv

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/api"

	"keyturn/internal/secret"
)

// Pauses between logins that the renewal asks for. The first one is never zero: tokens that were given out together
// end together.
const (
	firstLoginPause = time.Second
	maxLoginPause   = 30 * time.Second
)

// session keeps one store's token alive. The first call logs in; keep renews in the background and logs in again when
// a token cannot be renewed any further; a call that finds the token dead logs in at once.
type session struct {
	store   string
	auth    Auth
	login   *api.Client   // bears no token: for logins and renewals
	bearers []*api.Client // get every new token
	turn    chan struct{} // holds one value while somebody logs in
	logins  atomic.Int64  // so far; 0 means no token yet
	granted chan grant    // the newest login, for keep
}

// grant is one successful login.
type grant struct {
	login int64
	token *api.Secret
}

func newSession(store string, config StoreConfig, login *api.Client, bearers ...*api.Client) *session {
	return &session{
		store: store, auth: config.Auth, login: login, bearers: bearers,
		turn: make(chan struct{}, 1), granted: make(chan grant, 1),
	}
}

// ensure returns the number of the newest login, after logging in unless somebody has since the login numbered seen.
// However many ask, one logs in and the others wait for it.
func (s *session) ensure(ctx context.Context, seen int64) (int64, error) {
	if n := s.logins.Load(); n > seen {
		return n, nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return 0, s.explain(ctx.Err())
	}
	if n := s.logins.Load(); n > seen {
		return n, nil
	}
	token, err := s.authenticate(ctx)
	if err != nil {
		return 0, s.explain(err)
	}
	s.bear(token.Auth.ClientToken)
	n := s.logins.Add(1)
	select { // an older login that keep has not seen yet is of no use any more
	case <-s.granted:
	default:
	}
	s.granted <- grant{login: n, token: token}
	return n, nil
}

func (s *session) explain(err error) error {
	return explain(s.store, opLogin, "auth/"+s.auth.Mount, err)
}

func (s *session) bear(token string) {
	for _, client := range s.bearers {
		client.SetToken(token)
	}
}

// revive is asked after Vault denied a call that was made with the token of the login numbered seen. It reports
// whether there is a newer token to try again with. A living token was denied for its policy: no login helps, and
// one per call would be a storm.
func (s *session) revive(ctx context.Context, seen int64) bool {
	if s.logins.Load() > seen {
		return true
	}
	if _, err := s.bearers[0].Auth().Token().LookupSelfWithContext(ctx); !isForbidden(err) {
		return s.logins.Load() > seen // the lookup may have found a token that came in between
	}
	_, err := s.ensure(ctx, seen)
	return err == nil
}

// authenticate logs in by the configured method.
func (s *session) authenticate(ctx context.Context) (*api.Secret, error) {
	key, err := s.auth.secret()
	if err != nil {
		return nil, err
	}
	body := map[string]any{"role": s.auth.Role}
	switch s.auth.Method {
	case MethodToken:
		return s.inspect(ctx, key)
	case MethodAppRole:
		body = map[string]any{"role_id": s.auth.Role, "secret_id": key.Reveal()}
	case MethodKubernetes, MethodJWT:
		body["jwt"] = key.Reveal()
	}
	token, err := s.login.Logical().WriteWithContext(ctx, "auth/"+s.auth.Mount+"/login", body)
	if err != nil {
		return nil, err
	}
	if token == nil || token.Auth == nil || token.Auth.ClientToken == "" {
		return nil, errors.New("the answer holds no token: a login that needs a second factor does not suit a service")
	}
	return token, nil
}

// inspect finds out how long a token that was given to us lives. One that may not look itself up is used as it is.
func (s *session) inspect(ctx context.Context, key secret.Value) (*api.Secret, error) {
	token := &api.Secret{Auth: &api.SecretAuth{ClientToken: key.Reveal()}}
	s.bear(key.Reveal())
	found, err := s.bearers[0].Auth().Token().LookupSelfWithContext(ctx)
	if isForbidden(err) {
		return token, nil
	}
	if err != nil {
		return nil, err
	}
	ttl, err := found.TokenTTL()
	if err != nil {
		return nil, errAnswer
	}
	renewable, err := found.TokenIsRenewable()
	if err != nil {
		return nil, errAnswer
	}
	token.Auth.LeaseDuration, token.Auth.Renewable = int(ttl/time.Second), renewable
	return token, nil
}

// keep renews the newest token until ctx ends.
func (s *session) keep(ctx context.Context) {
	var current watch
	defer func() { current.stop() }()
	for {
		select {
		case <-ctx.Done():
			return
		case g := <-s.granted:
			current.stop()
			current = s.watch(g)
		case <-current.ended:
			current.ended = nil
			s.loginAgain(ctx, current.login)
		}
	}
}

// loginAgain logs in with growing pauses until it succeeds, or somebody else has.
func (s *session) loginAgain(ctx context.Context, seen int64) {
	if s.auth.Method == MethodToken && s.auth.File == "" {
		return // there is nothing to log in with: calls will say so when the token ends
	}
	for pause := firstLoginPause; ; pause = min(2*pause, maxLoginPause) {
		timer := time.NewTimer(pause/2 + rand.N(pause/2)) //nolint:gosec // spread, not secrecy
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if _, err := s.ensure(ctx, seen); err == nil {
			return
		}
	}
}

// watch renews one token; ended is closed when it can be renewed no further.
type watch struct {
	login   int64
	watcher *api.LifetimeWatcher
	ended   <-chan struct{} // nil where there is nothing to wait for
}

func (s *session) watch(g grant) watch {
	if g.token.Auth.LeaseDuration == 0 {
		return watch{login: g.login} // a token without an end
	}
	watcher, err := s.login.NewLifetimeWatcher(&api.LifetimeWatcherInput{Secret: g.token})
	if err != nil {
		return watch{login: g.login} // only for a nil token
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		watcher.Start()
	}()
	return watch{login: g.login, watcher: watcher, ended: ended}
}

// stop ends the renewal, and waits for one that is under way.
func (w *watch) stop() {
	if w.ended == nil {
		return
	}
	w.watcher.Stop()
	<-w.ended
	w.ended = nil
}
