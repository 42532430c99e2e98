package vaultkv

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/vault/api"
)

// The operations that errors name.
const (
	opRead  = "read"
	opWrite = "write"
	opList  = "list"
	opLogin = "log in"
)

// maxAnswer bounds an answer in bytes. Vault refuses larger requests by default, and the longest folder of journals is
// far smaller.
const maxAnswer = 32 << 20

// store is one configured Vault: three clients over one pool of connections, and the session that feeds them tokens.
type store struct {
	name    string
	config  StoreConfig
	reads   *api.Client // may retry
	writes  *api.Client // never retries: a check-and-set that was sent twice would mistake itself for another writer
	pool    *http.Client
	session *session
}

func newStore(name string, config StoreConfig) (*store, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	pool, err := newPool(config.CAFile)
	if err != nil {
		return nil, err
	}
	base, err := newClient(config, pool)
	if err != nil {
		return nil, err
	}
	s := &store{name: name, config: config, pool: pool}
	if s.reads, err = withRetries(base, readRetries); err != nil {
		return nil, err
	}
	if s.writes, err = withRetries(base, 0); err != nil {
		return nil, err
	}
	// The library renews a token without a context, so this client bounds its own calls.
	base.SetClientTimeout(config.Timeout)
	s.session = newSession(name, config, base, s.reads, s.writes)
	return s, nil
}

func (s *store) closeIdle() { s.pool.CloseIdleConnections() }

// do makes one call under the store's time limit, with a token, and once more if the token turns out to be dead:
// Vault has done nothing then, not even for a write.
func (s *store) do(ctx context.Context, op, path string, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	login, err := s.session.ensure(ctx, 0)
	if err != nil {
		return err
	}
	err = call(ctx)
	if isForbidden(err) && s.session.revive(ctx, login) {
		err = call(ctx)
	}
	return explain(s.name, op, path, err)
}

// get reads path into out, and reports whether there is anything. What is deleted but has metadata left is there.
func (s *store) get(ctx context.Context, op, path string, query url.Values, out any) (found bool, err error) {
	err = s.do(ctx, op, path, func(ctx context.Context) error {
		answer, err := s.reads.Logical().ReadRawWithDataWithContext(ctx, path, query)
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
// (which must never pass for an empty one, and comes back as refusal).
func decode(answer *api.Response, out any, refusal error) (found bool, err error) {
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
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

// put writes data at path if its newest version is cas, and returns the new version. It sends at most one request
// that Vault did not refuse for want of a living token.
func (s *store) put(ctx context.Context, path string, data any, cas int) (version int, err error) {
	body := &write{Data: data}
	body.Options.CAS = cas
	err = s.do(ctx, opWrite, path, func(ctx context.Context) error {
		request := s.writes.NewRequest(http.MethodPut, "/v1/"+path)
		if err := request.SetJSONBody(body); err != nil {
			return err
		}
		// Logical().Write takes the answer apart for every engine there is, and WriteRaw forgets the body where a
		// standby redirects.
		answer, err := s.writes.RawRequestWithContext(ctx, request) //nolint:staticcheck // see above
		if answer != nil {
			defer answer.Body.Close()
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
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
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
