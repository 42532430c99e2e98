package vaultkv_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
)

// answers is a proxy before the shared Vault that answers the first n calls of which refuse says so.
func answers(t *testing.T, n int32, refuse func(*http.Request) bool, with http.HandlerFunc) (url string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	server := httptest.NewServer(front{spoil: func(w http.ResponseWriter, r *http.Request) bool {
		if !refuse(r) || asked.Add(1) > n {
			return false
		}
		with(w, r)
		return true
	}})
	t.Cleanup(server.Close)
	return server.URL, asked
}

func refusal(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"errors":[%q]}`, text)
	}
}

const notActive = "local node not active but active cluster node not found"

// A node that cannot serve now did nothing, so a write rides it out as a read does.
func TestWhatAClusterAnswersForAMomentIsRiddenOut(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"an election":                refusal(http.StatusInternalServerError, notActive),
		"no active node":             refusal(http.StatusServiceUnavailable, "no active Vault instance found"),
		"a standby that is behind":   refusal(http.StatusPreconditionFailed, "required index state not present"),
		"a performance standby":      refusal(473, ""),
		"a disaster recovery node":   refusal(472, ""),
		"one sealed node of several": refusal(http.StatusServiceUnavailable, "Vault is sealed"),
		"an unknown token":           refusal(http.StatusForbidden, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"),
		"a quota": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "1")
			refusal(http.StatusTooManyRequests, `request path "secret": rate limit quota exceeded`)(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			away := config()
			away.Auth = appRole(t, roleOptions{policy: fullPolicy})
			address, asked := answers(t, 1, isWrite, answer)
			away.Address = address
			began := time.Now()
			save(t, open(t, away), newCredential(), openRecord, 0)
			if n := asked.Load(); n != 2 {
				t.Errorf("%d writes, want one more after the refusal", n)
			}
			if name == "a quota" && time.Since(began) < time.Second {
				t.Error("it did not wait for as long as it was asked to")
			}
		})
	}
}

// A call cannot wait for minutes, a rotation can.
func TestAQuotaThatLastsMakesTheRotationWait(t *testing.T) {
	t.Parallel()
	for after, want := range map[string]time.Duration{"120": 2 * time.Minute, "86400": 5 * time.Minute, "99999999999": 5 * time.Minute} {
		t.Run(after, func(t *testing.T) {
			t.Parallel()
			away := config()
			address, asked := answers(t, 1000, isWrite, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", after)
				refusal(http.StatusTooManyRequests, "rate limit quota exceeded")(w, r)
			})
			away.Address = address
			_, err := open(t, away).Save(t.Context(), newCredential(), openRecord, 0)
			var wait *rotation.WaitError
			if !errors.Is(err, vaultkv.ErrBusy) || !errors.As(err, &wait) || wait.After != want {
				t.Errorf("save: %v, want to come back after %s", err, want)
			}
			if n := asked.Load(); n != 1 {
				t.Errorf("%d writes, want 1", n)
			}
		})
	}
}

// What lasts is named, so that an operator does not look for it in the wrong place.
func TestAClustersRefusalIsNamedForWhatItIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		text   string
		want   error
	}{
		{http.StatusInternalServerError, notActive, vaultkv.ErrNoActive},
		{http.StatusServiceUnavailable, "no active Vault instance found", vaultkv.ErrNoActive},
		{http.StatusPreconditionFailed, "required index state not present", vaultkv.ErrBehind},
		{472, "", vaultkv.ErrSecondary},
		{473, "", vaultkv.ErrStandby},
		{http.StatusTooManyRequests, "rate limit quota exceeded", vaultkv.ErrBusy},
		{http.StatusServiceUnavailable, "Vault is sealed", vaultkv.ErrSealed},
	} {
		t.Run(fmt.Sprint(c.status, c.text), func(t *testing.T) {
			t.Parallel()
			away := config()
			away.Address, _ = answers(t, 1000, isWrite, refusal(c.status, c.text))
			v := open(t, away)
			if _, err := v.Save(t.Context(), newCredential(), openRecord, 0); !errors.Is(err, c.want) || errors.Is(err, rotation.ErrStale) {
				t.Errorf("save: %v, want %v", err, c.want)
			}
		})
	}
}

// A standby may lose the reply to what it passed on, and answer that no node is active. Then the write has landed, and
// its own repetition must not pass for another writer.
func TestAWritesOwnRepetitionIsNoStaleWriter(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func(active string) http.HandlerFunc{
		"election": func(string) http.HandlerFunc { return refusal(http.StatusInternalServerError, notActive) },
		"redirect": func(active string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, active+r.URL.RequestURI(), http.StatusTemporaryRedirect)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			through := config()
			through.Nodes = []string{shared.Addr}
			through.Address, _ = answers(t, 1, isWrite, func(w http.ResponseWriter, r *http.Request) {
				_ = forward(r).Body.Close()
				after(shared.Addr)(w, r)
			})
			v, cred := open(t, through), newCredential()
			_, err := v.Save(t.Context(), cred, openRecord, 0)
			if !errors.Is(err, vaultkv.ErrUnclear) || errors.Is(err, rotation.ErrStale) {
				t.Errorf("save: %v, want ErrUnclear", err)
			}
			if rec := load(t, v, cred); rec.Version != 1 {
				t.Errorf("version %d, want 1", rec.Version)
			}
		})
	}
}

// A machine that can answer for a node must not get a token and a password.
func TestARedirectIsFollowedToConfiguredAddressesOnly(t *testing.T) {
	t.Parallel()
	var strays atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strays.Add(1) }))
	defer elsewhere.Close()
	for name, location := range map[string]func(*http.Request) string{
		"another host":   func(r *http.Request) string { return elsewhere.URL + r.URL.RequestURI() },
		"another path":   func(*http.Request) string { return shared.Addr + "/v1/sys/tools/hash" },
		"another scheme": func(r *http.Request) string { return "https" + shared.Addr[len("http"):] + r.URL.RequestURI() },
		"a user":         func(r *http.Request) string { return "http://a@" + elsewhere.URL[len("http://"):] + r.URL.RequestURI() },
		"no location":    func(*http.Request) string { return "" },
		"itself":         func(r *http.Request) string { return r.URL.RequestURI() },
	} {
		for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
			t.Run(fmt.Sprint(name, status), func(t *testing.T) {
				t.Parallel()
				led := config()
				led.Nodes = []string{shared.Addr}
				led.Address, _ = answers(t, 1000, func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/data/") },
					func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("Location", location(r))
						w.WriteHeader(status)
					})
				v, cred := open(t, led), newCredential()
				_, loadErr := v.Load(t.Context(), cred)
				_, saveErr := v.Save(t.Context(), cred, openRecord, 0)
				for _, err := range []error{loadErr, saveErr} {
					if err == nil || !strings.Contains(err.Error(), "redirect") {
						t.Errorf("error %v, want one that names the redirect", err)
					}
				}
			})
		}
	}
	t.Cleanup(func() {
		if n := strays.Load(); n != 0 {
			t.Errorf("%d requests went to a host that is not configured", n)
		}
	})
}

func TestANodeThatIsGoneIsPassedOver(t *testing.T) {
	t.Parallel()
	several := config()
	several.Address, several.Nodes = noServer, []string{shared.Addr}
	v, cred := open(t, several), newCredential()
	version := save(t, v, cred, openRecord, 0)
	if got := load(t, v, cred).Version; got != version {
		t.Errorf("version %d, want %d", got, version)
	}
}

func TestAWritePassesOverANodeThatWentAway(t *testing.T) {
	t.Parallel()
	first := httptest.NewServer(front{spoil: func(http.ResponseWriter, *http.Request) bool { return false }})
	first.Config.SetKeepAlivesEnabled(false) // else the write could go out on a connection that is about to break
	several := config()
	several.Address, several.Nodes = first.URL, []string{shared.Addr}
	v, cred := open(t, several), newCredential()
	version := save(t, v, cred, openRecord, 0)
	first.Close()
	if got := save(t, v, cred, openRecord, version); got != version+1 {
		t.Errorf("version %d after %d", got, version)
	}
}

// A server between us and Vault may never end its answer.
func TestNoAnswerIsReadWithoutABound(t *testing.T) {
	t.Parallel()
	const most = 64 << 20
	for name, path := range map[string]string{"a secret": "/data/", "a login": "/login", "a lookup": "/lookup-self", "a mount": "/mounts/"} {
		for _, status := range []int{http.StatusOK, http.StatusForbidden, http.StatusNotFound, http.StatusInternalServerError} {
			t.Run(fmt.Sprint(name, status), func(t *testing.T) {
				t.Parallel()
				var sent atomic.Int64
				endless := config()
				endless.Auth = appRole(t, roleOptions{policy: fullPolicy})
				endless.Address, _ = answers(t, 1000, func(r *http.Request) bool { return strings.Contains(r.URL.Path, path) },
					func(w http.ResponseWriter, _ *http.Request) {
						w.WriteHeader(status)
						block := []byte(`{"errors":["` + strings.Repeat("x", 1<<20))
						for sent.Load() < 2*most {
							n, err := w.Write(block)
							if sent.Add(int64(n)); err != nil {
								return
							}
						}
					})
				v := open(t, endless)
				if _, err := v.Load(t.Context(), newCredential()); path == "/data/" && err == nil {
					t.Error("no error")
				}
				_ = v.Check(t.Context(), vaultkv.ReadWrite)
				if n := sent.Load(); n > most {
					t.Errorf("%d MB were read", n>>20)
				}
			})
		}
	}
}

// A probe of /readyz has a second or two: everything after the first answer would only repeat it.
func TestASealedVaultIsAskedNoMoreThanOnceWhetherItIsReady(t *testing.T) {
	t.Parallel()
	var sealed atomic.Bool
	var asked atomic.Int32
	server := httptest.NewServer(front{spoil: func(w http.ResponseWriter, r *http.Request) bool {
		if !sealed.Load() {
			return false
		}
		asked.Add(1)
		refusal(http.StatusServiceUnavailable, "Vault is sealed")(w, r)
		return true
	}})
	defer server.Close()
	away := config()
	away.Address = server.URL
	v := open(t, away)
	if err := v.Check(t.Context(), vaultkv.ReadWrite); err != nil {
		t.Fatal(err)
	}
	sealed.Store(true)
	if err := v.Check(t.Context(), vaultkv.ReadWrite); !errors.Is(err, vaultkv.ErrSealed) {
		t.Errorf("check: %v, want ErrSealed", err)
	}
	if n := asked.Load(); n > 3 {
		t.Errorf("%d requests, want one and its two repetitions", n)
	}
}
