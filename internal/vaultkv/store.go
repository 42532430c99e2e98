package vaultkv

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/vault/api"

	"keyturn/internal/rotation"
)

// The operations that errors name.
const (
	opRead  = "read"
	opWrite = "write"
	opList  = "list"
	opLogin = "log in"
)

// store is one configured Vault: two clients that share one route to it, and the session that gives one of them tokens.
type store struct {
	name    string
	config  StoreConfig
	client  *api.Client // bears the token
	route   *route
	pool    *http.Client
	session *session
	permits *permits
	release context.CancelFunc // ends the renewals of its token
}

func newStore(name string, config StoreConfig, gates gates) (*store, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	route, err := newRoute(config)
	if err != nil {
		return nil, err
	}
	pool := &http.Client{Transport: route}
	base, err := newClient(config, pool)
	if err != nil {
		return nil, err
	}
	s := &store{name: name, config: config, route: route, pool: pool}
	if s.client, err = withoutToken(base); err != nil {
		return nil, err
	}
	// The library renews a token without a context, so this client bounds its own calls.
	base.SetClientTimeout(config.Timeout)
	s.session = newSession(name, config, gates.of(config), base, s.client)
	s.permits = newPermits(s)
	return s, nil
}

// close ends what goes on beside calls. Those that are under way end by themselves.
func (s *store) close() {
	if s.release != nil {
		s.release()
	}
	s.pool.CloseIdleConnections()
}

// do makes one call with a token, within the store's time limit. It repeats the call if the token turns out to be dead,
// or if Vault did nothing but may in a moment (see again).
func (s *store) do(ctx context.Context, op, path string, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout((&trace{}).in(ctx), s.config.Timeout)
	defer cancel()
	for try := 0; ; try++ {
		login, err := s.session.ensure(ctx, 0)
		if err == nil {
			err = call(ctx)
		}
		if err == nil {
			return nil
		}
		if isForbidden(err) && s.session.revive(ctx, login, try, err) {
			continue
		}
		if e := newError(s.name, op, path, err); !s.again(ctx, try, e) {
			return e
		}
	}
}

// get reads path into out, and reports whether anything is there. A deleted version that still has metadata is there.
func (s *store) get(ctx context.Context, op, path string, query url.Values, out any) (found bool, err error) {
	err = s.do(ctx, op, path, func(ctx context.Context) error {
		answer, err := s.client.Logical().ReadRawWithDataWithContext(ctx, path, query)
		if answer == nil {
			return err
		}
		defer answer.Body.Close()
		if err != nil && answer.StatusCode != http.StatusNotFound {
			return err
		}
		found, err = decode(answer, out, err)
		return err
	})
	return found, err
}

// decode tells the three kinds of 404 apart: nothing there (empty errors), a deleted version (data), a wrong mount
// (which must never pass for an empty one, and is returned as refusal).
func decode(answer *api.Response, out any, refusal error) (found bool, err error) {
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return false, err
	}
	var body struct {
		Errors []string        `json:"errors"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return false, errAnswer // the cause may quote a value
	}
	if refusal != nil && len(body.Errors) > 0 {
		return false, refusal
	}
	if isNull(body.Data) {
		return false, nil
	}
	if err := json.Unmarshal(body.Data, out); err != nil {
		return false, errAnswer
	}
	return true, nil
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// put writes data at path if its newest version is cas, and returns the new version. A mismatch is real: where the
// write may have been done by an earlier try of the same call, it is ErrUnclear.
func (s *store) put(ctx context.Context, path string, data any, cas int) (version int, err error) {
	body := &write{Data: data}
	body.Options.CAS = cas
	err = s.do(ctx, opWrite, path, func(ctx context.Context) error {
		request := s.client.NewRequest(http.MethodPut, "/v1/"+path)
		if err := request.SetJSONBody(body); err != nil {
			return err
		}
		// Logical().Write takes the answer apart for every engine there is, and WriteRaw forgets the body where a
		// standby redirects.
		answer, err := s.client.RawRequestWithContext(ctx, request) //nolint:staticcheck // see above
		if answer != nil {
			defer answer.Body.Close()
		}
		var refused *api.ResponseError
		if errors.As(err, &refused) && errors.Is(meaningOf(refused).err, rotation.ErrStale) && traceOf(ctx).resent {
			return ErrUnclear
		}
		if err != nil {
			return err
		}
		version, err = writtenVersion(answer)
		return err
	})
	return version, err
}

// write is the body of a put.
type write struct {
	Options struct {
		CAS int `json:"cas"`
	} `json:"options"`
	Data any `json:"data"`
}

func writtenVersion(answer *api.Response) (int, error) {
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	var written struct {
		Data struct {
			Version int `json:"version"`
		} `json:"data"`
	}
	if json.Unmarshal(text, &written) != nil || written.Data.Version < 1 {
		return 0, errAnswer // the cause may quote a value
	}
	return written.Data.Version, nil
}

// kept is one version of a secret as KV v2 answers it.
type kept struct {
	Data     json.RawMessage `json:"data"` // null where it is deleted or destroyed
	Metadata struct {
		Version     int       `json:"version"`
		CreatedTime time.Time `json:"created_time"`
	} `json:"metadata"`
}

// gone reports whether the version exists without its fields.
func (k *kept) gone() bool { return isNull(k.Data) }
