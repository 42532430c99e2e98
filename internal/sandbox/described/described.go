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

// StandIn describes the stand-in. Its targets are those of the examples, its keys their names in capitals.
func StandIn(d *declared.Description, ports core.Ports) core.StandIn {
	p := d.Provider()
	if p.Mode == rotation.ModeMinter {
		return minting(d, ports)
	}
	answers := d.AnswersTo("")
	s := common(d, ports)
	s.Repeats = find(answers, func(a declared.Answer) bool { return a.Kind == rotation.Repeat }) != nil
	s.Names = names
	s.Check = func(t core.Target) (core.Target, error) {
		target, err := p.CheckTarget(t.Target)
		t.Target = target
		return t, err
	}
	s.Open = func(s *core.Service, _ core.Options) (core.Opener, error) {
		return newService(s, d).open, nil
	}
	s.Username = names(core.Record{Target: s.Targets[0].Target})[0]
	return s
}

// common is what stand-ins of all modes have.
func common(d *declared.Description, ports core.Ports) core.StandIn {
	p := d.Provider()
	s := core.StandIn{
		Code: p.Code, Ports: ports, Key: keyOf(p.Keys), Rate: core.Rate{Requests: p.Rate.Requests, Per: p.Rate.Per}, TellsWait: true,
	}
	for _, target := range d.Targets() {
		s.Targets = append(s.Targets, core.Target{Target: target})
	}
	if field := d.SyncedField(); field != "" {
		s.Faults = []core.OwnFault{{Kind: core.NotSynced, Lags: true, Spoil: notSynced(field)}}
	}
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
	answers     map[string][]declared.Answer // by call; "" where it is none of them
}

func newService(s *core.Service, d *declared.Description) *service {
	all := map[string][]declared.Answer{"": d.AnswersTo("")}
	for _, call := range d.Calls() {
		all[call] = d.AnswersTo(call)
	}
	return &service{s, d, d.Provider(), all}
}

func (s *service) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	got, refused := s.receive(r, body)
	if refused != nil {
		return nil, refused
	}
	target := s.target(got.Received)
	return &core.Call{
		Op: got.Op, Target: target, Changes: true, Account: got.account,
		Refuse: func(why core.Refusal) core.Reply { return s.refuse("", target, why) },
		Do:     func(lag time.Duration) core.Reply { return s.change(target, got.Password, lag) },
	}, nil
}

// received is a request with a key that is known.
type received struct {
	declared.Received
	account *core.Account
}

// tolerated is how far the clock that a request was signed by may be off.
const tolerated = 5 * time.Minute

// receive takes a request apart, or says what refuses it.
func (s *service) receive(r *http.Request, body []byte) (received, *core.Reply) {
	got, asDescribed := s.description.Receive(r, body, s.Secret)
	account, why := s.account(got.Keys), core.OutMalformed
	if !got.Signed.IsZero() && s.Now().Sub(got.Signed).Abs() > tolerated {
		account = nil
	}
	if account != nil && asDescribed {
		return received{got, account}, nil
	}
	if account == nil {
		why = core.OutUnauthorized
	}
	rep := s.refuse(got.Call, "", core.Refusal{Outcome: why})
	return received{}, &rep
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
		if s.provider.Mode == rotation.ModeMinter && r.Username != "" {
			continue // an identity
		}
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
		return s.refuse("", target, core.Refusal{Outcome: result})
	}
	said := s.success("")
	return s.reply(target, said, core.OutAccepted, map[string]string{said.Shows: password})
}
