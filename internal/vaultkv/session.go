package vaultkv

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"keyturn/internal/rotation"
)

// Pauses between logins that the renewal asks for. The first one is never zero, because tokens that were issued together
// expire together.
const (
	firstLoginPause = time.Second
	maxLoginPause   = 30 * time.Second
)

const (
	// settling is how long a standby may take to learn of a new token. Until then its refusal means nothing.
	settling = 1500 * time.Millisecond
	// The least times between two logins that denied calls ask for. Where Vault says that it does not know the token, a
	// second one is for a standby that lags far behind. Servers from before 2022 say the same of a dead token and of one
	// without the right to look itself up: there a login is a guess.
	provenRevivals = 30 * time.Second
	blindRevivals  = 10 * time.Minute
)

// session keeps one store's token alive. The first call logs in. keep renews the token in the background, and logs in
// again when it can no longer be renewed. A call that finds the token dead logs in at once.
type session struct {
	store   string
	auth    Auth
	login   *api.Client // bears no token: for logins and renewals
	bearer  *api.Client // gets every new token
	now     func() time.Time
	gate    *gate
	granted chan grant // the newest login, for keep; written while the gate's turn is held

	mu      sync.Mutex // guards what follows
	logins  int64      // so far; 0 means no token yet
	since   time.Time  // of the newest login
	revived time.Time  // when a denied call last asked for a login
	told    bool       // Vault's wording identifies a token that it does not know
}

// grant is one successful login.
type grant struct {
	login int64
	token *api.Secret
}

func newSession(store string, config StoreConfig, gate *gate, login, bearer *api.Client) *session {
	return &session{
		store: store, auth: config.Auth, login: login, bearer: bearer, now: time.Now, //nolint:forbidigo // this is the clock
		gate: gate, granted: make(chan grant, 1),
	}
}

// ensure returns the number of the newest login. It logs in first, unless there has been a login since the one numbered
// seen. However many callers ask, one logs in and the others wait for it. Not every call repeats a login that Vault
// refused: see refusals.
func (s *session) ensure(ctx context.Context, seen int64) (int64, error) {
	if n, _ := s.newest(); n > seen {
		return n, nil
	}
	select {
	case s.gate.turn <- struct{}{}:
		defer func() { <-s.gate.turn }()
	case <-ctx.Done():
		return 0, s.explain(ctx.Err())
	}
	if n, _ := s.newest(); n > seen {
		return n, nil
	}
	token, err := s.authenticate(ctx)
	if err != nil {
		return 0, err
	}
	s.bearer.SetToken(token.Auth.ClientToken)
	s.mu.Lock()
	s.logins++
	s.since = s.now()
	n := s.logins
	s.mu.Unlock()
	select { // an older login that keep has not seen yet is of no use any more
	case <-s.granted:
	default:
	}
	s.granted <- grant{login: n, token: token}
	return n, nil
}

// newest returns the number of the newest login, and how old it is.
func (s *session) newest() (login int64, age time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins, s.now().Sub(s.since)
}

// revive is asked after Vault denied, with err, the try of a call that was made with the token of the login numbered
// seen. It reports whether to make the call again: with a newer token, or with this one at a standby that may have heard
// of it by now. A living token was denied for its policy: no login helps, and one per call would be a storm.
func (s *session) revive(ctx context.Context, seen int64, try int, err error) bool {
	newest, age := s.newest()
	if newest > seen {
		return true
	}
	if try > len(pauses) {
		return false
	}
	apart := provenRevivals
	if !knowsNoToken(err) {
		_, err := s.bearer.Auth().Token().LookupSelfWithContext((&trace{}).in(ctx))
		if !isForbidden(err) {
			newest, _ = s.newest() // the lookup may have found a token that came in between
			return newest > seen
		}
		if !knowsNoToken(err) && s.tells(ctx) {
			return false // it lives, and lacks the right to look itself up
		}
		if !knowsNoToken(err) {
			apart = blindRevivals
		}
	}
	switch {
	case !s.hasAnother():
		return apart == provenRevivals && try == 0 && sleep(ctx, pause(try))
	case apart == provenRevivals && age < settling:
		return sleep(ctx, pause(try))
	case !s.mayRevive(apart):
		return apart == provenRevivals && sleep(ctx, pause(try))
	}
	_, err = s.ensure(ctx, seen)
	return err == nil
}

// tells reports whether Vault's wording tells an unknown token from a missing right. Asking once is enough.
func (s *session) tells(ctx context.Context) bool {
	s.mu.Lock()
	told := s.told
	s.mu.Unlock()
	if told {
		return true
	}
	request := s.login.NewRequest(http.MethodGet, "/v1/auth/token/lookup-self")
	request.ClientToken = "a-token-that-was-never-made"
	answer, err := s.login.RawRequestWithContext((&trace{}).in(ctx), request) //nolint:staticcheck // the library has no other way to say whose token it is
	if answer != nil {
		_ = answer.Body.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = s.told || knowsNoToken(err)
	return s.told
}

// hasAnother reports whether a login could bring another token: one that was given to us stays what it is, until its
// file is replaced.
func (s *session) hasAnother() bool {
	if s.auth.Method != MethodToken {
		return true
	}
	_, key, err := s.auth.read()
	return err == nil && key.Reveal() != s.bearer.Token()
}

// mayRevive reports whether a denied call may log in, and notes that it does.
func (s *session) mayRevive(apart time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if !s.revived.IsZero() && now.Sub(s.revived) < apart {
		return false
	}
	s.revived = now
	return true
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

// loginAgain logs in with growing pauses until it or another caller succeeds.
func (s *session) loginAgain(ctx context.Context, seen int64) {
	if s.auth.Method == MethodToken && s.auth.File == "" {
		return // there is nothing to log in with: calls will say so when the token ends
	}
	for pause := firstLoginPause; ; pause = min(2*pause, maxLoginPause) {
		spread := pause/2 + rand.N(pause/2) //nolint:gosec // not secrecy
		if (rotation.WallClock{}).Sleep(ctx, spread) != nil {
			return
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
