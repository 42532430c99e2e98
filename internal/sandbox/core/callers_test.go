package core_test

import (
	"net/http"
	"testing"
	"time"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
)

// gate lets in who names a key that it knows in the path, and says "done".
type gate struct{ *core.Service }

func (g gate) open(r *http.Request, _ []byte) (*core.Call, *core.Reply) {
	id := r.URL.Path[1:]
	if _, ok := g.Secret(id); !ok {
		g.KeyRefused()
		rep := say(words[core.OutUnauthorized], core.OutUnauthorized)
		return nil, &rep
	}
	return &core.Call{
		Op: "read", Account: g.Account(id), Refuse: func(why core.Refusal) core.Reply { return say(why.In(words), why.Outcome) },
		Do: func(time.Duration) core.Reply { return say(core.Because(http.StatusOK, "done", ""), core.OutRead) },
	}, nil
}

// at is a stand-in of a cloud, which lends what look finds, if that is not nil.
func at(code, cloud string, look func(string) core.Caller) core.StandIn {
	return core.StandIn{
		Code: code, Cloud: cloud, Key: core.Key{ID: "own-of-" + code, Secret: "s"}, Rate: core.Rate{Requests: 1, Per: time.Hour},
		Check: func(t core.Target) (core.Target, error) { return t, nil },
		Open: func(s *core.Service, _ core.Options) (core.Opener, error) {
			if look != nil {
				s.Lend(look)
			}
			return gate{s}.open, nil
		},
	}
}

func asks(b *sandboxtest.Bench, code, id string) int {
	return b.Do(b.Request(http.MethodGet, b.Ready().Providers[code]+"/"+id, "")).Status
}

func TestKeysOfUsersCallTheStandInsOfTheirCloudAlone(t *testing.T) {
	t.Parallel()
	look := func(id string) core.Caller {
		return core.Caller{Secret: "s", Known: true, Active: id == "ann" || id == "bob"}
	}
	b := sandboxtest.Start(t, []core.StandIn{at("first", "sky", look), at("second", "sky", nil), at("third", "sea", nil), at("fourth", "", nil)})
	for _, test := range []struct {
		code, id string
		want     int
	}{
		{"first", "ann", http.StatusOK},
		{"first", "bob", http.StatusTooManyRequests}, // users share the limit of their account
		{"second", "bob", http.StatusOK},
		{"second", "own-of-second", http.StatusOK},
		{"second", "own-of-first", http.StatusForbidden},
		{"second", "disabled", http.StatusForbidden},
		{"third", "ann", http.StatusForbidden},
		{"fourth", "ann", http.StatusForbidden},
	} {
		if got := asks(b, test.code, test.id); got != test.want {
			t.Errorf("%s at %s: %d, want %d", test.id, test.code, got, test.want)
		}
	}
	for code, want := range map[string]int64{"first": 0, "second": 2, "third": 1, "fourth": 1} {
		if got := b.Stats()[code].KeyRefusals; got != want {
			t.Errorf("%s counts %d refusals of keys, want %d", code, got, want)
		}
	}
	b.ResetStats()
	if got := b.Stats()["second"].KeyRefusals; got != 0 {
		t.Errorf("after a reset: %d", got)
	}
}

// A key may be disabled or deleted while a call of it is on its way.
func TestACallThatWasLetInIsCarriedOutThoughItsKeyIsGone(t *testing.T) {
	t.Parallel()
	asked := false
	b := sandboxtest.Start(t, []core.StandIn{at("first", "sky", func(string) core.Caller {
		known := !asked
		asked = true
		return core.Caller{Secret: "s", Known: known, Active: known}
	})})
	if got := asks(b, "first", "ann"); got != http.StatusOK {
		t.Errorf("%d", got)
	}
	if got := asks(b, "first", "ann"); got != http.StatusForbidden {
		t.Errorf("the next: %d", got)
	}
}
