// Package described plays a provider from the file that describes it: it takes what the description sends, keeps real
// passwords, holds to the rule, and answers with the file's own examples. A misreading of the provider's page is on both
// sides then, so that a description which comes with keyturn also has a stand-in written from the page.
package described

import (
	"cmp"
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"keyturn/internal/providers/declared"
	"keyturn/internal/rotation"
	"keyturn/internal/sandbox/core"
)

// StandIn describes the stand-in of a setter or an issuer. Its targets are those of the examples, its keys their names in capitals.
func StandIn(d *declared.Description, ports core.Ports) core.StandIn {
	p, answers := d.Provider(), d.Answers()
	s := core.StandIn{
		Code: p.Code, Ports: ports, Key: keyOf(p.Keys), Rate: core.Rate{Requests: p.Rate.Requests, Per: p.Rate.Per}, TellsWait: true,
		Repeats: find(answers, func(a declared.Answer) bool { return a.Kind == rotation.Repeat }) != nil,
		Names:   names,
		Check: func(t core.Target) (core.Target, error) {
			target, err := p.CheckTarget(t.Target)
			t.Target = target
			return t, err
		},
		Open: func(s *core.Service, _ core.Options) (core.Opener, error) {
			return (&service{Service: s, description: d, provider: p, answers: answers}).open, nil
		},
	}
	for _, target := range d.Targets() {
		s.Targets = append(s.Targets, core.Target{Target: target})
	}
	s.Username = names(core.Record{Target: s.Targets[0].Target})[0]
	return s
}

// names are the user name that the target was given, or itself.
func names(r core.Record) []string { return []string{strings.ToLower(cmp.Or(r.Username, r.Target))} }

// keyOf is the default key: the first of the names is that of its id, the last that of its secret. A single one is both.
func keyOf(names []string) core.Key {
	return core.Key{ID: declared.ExampleKey(names[0]), Secret: declared.ExampleKey(names[len(names)-1])}
}

// service is the API.
type service struct {
	*core.Service
	description *declared.Description
	provider    rotation.Provider
	answers     []declared.Answer
}

func (s *service) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	got, asDescribed := s.description.Receive(r, body)
	refused := func(o core.Outcome) (*core.Call, *core.Reply) {
		rep := s.refuse("", core.Refusal{Outcome: o})
		return nil, &rep
	}
	account := s.account(got.Keys)
	switch {
	case account == nil:
		return refused(core.OutUnauthorized)
	case !asDescribed:
		return refused(core.OutMalformed)
	}
	target := s.target(got)
	return &core.Call{
		Op: s.provider.Call, Target: target, Changes: true, Account: account,
		Refuse: func(why core.Refusal) core.Reply { return s.refuse(target, why) },
		Do:     func(lag time.Duration) core.Reply { return s.change(target, got.Password, lag) },
	}, nil
}

// account is the one whose keys these are. Of three keys and more, those in the middle are the same for all.
func (s *service) account(keys map[string]string) *core.Account {
	names := s.provider.Keys
	for i, name := range names {
		if i > 0 && i < len(names)-1 && keys[name] != declared.ExampleKey(name) {
			return nil
		}
	}
	return s.LogIn(keys[names[0]], keys[names[len(names)-1]])
}

// target is the one that a request is about. Where a request has only parts of it, it is the one that has these.
func (s *service) target(got declared.Received) string {
	if got.Target != "" {
		target, _ := s.provider.CheckTarget(got.Target)
		return target // "" is unknown
	}
next:
	for _, r := range s.Ledger.List("") {
		parts := s.description.PartsOf(r.Target)
		for name, text := range got.Parts {
			if parts[name] != text {
				continue next
			}
		}
		return r.Target
	}
	return ""
}

// change sets the password, or makes one where the provider does.
func (s *service) change(target, password string, lag time.Duration) core.Reply {
	result := core.OutUnknown
	if _, known := s.Ledger.Get(target); known {
		result = core.OutRejected
		switch {
		case s.provider.Mode == rotation.ModeIssuer:
			password = rand.Text()
			_, result = s.Ledger.Set(target, password, lag)
		case s.provider.Rule.Check(password) == nil:
			_, result = s.Ledger.Set(target, password, lag)
		}
	}
	if result != core.OutAccepted {
		return s.refuse(target, core.Refusal{Outcome: result})
	}
	return s.accept(target, password)
}
