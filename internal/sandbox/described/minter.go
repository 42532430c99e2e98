package described

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"keyturn/internal/providers/declared"
	"keyturn/internal/rotation"
	"keyturn/internal/sandbox/core"
)

// maxIdentities is how many a target may have: any number, and most where the file knows an answer to one more.
const (
	maxIdentities = "max_identities"
	most          = 100
)

// minting is the stand-in of a minter. What it knows are targets, and identities as TARGET/ID, each with its name as user
// name: its label, or where identities have none its id.
func minting(d *declared.Description, ports core.Ports) core.StandIn {
	s := common(d, ports)
	shown := newService(nil, d).success(declared.CallMint)
	s.Names = func(r core.Record) []string {
		target, id := apart(r.Target)
		if r.Username == "" {
			return nil // a target itself
		}
		return []string{strings.ToLower(loginOf(d, target, id, shown.Username))}
	}
	s.Check = func(t core.Target) (core.Target, error) { return checkIdentity(d, t) }
	s.Options = []string{maxIdentities}
	s.Open = func(s *core.Service, o core.Options) (core.Opener, error) { return openMinter(s, d, o) }
	s.Username = s.Names(core.Record{Target: s.Targets[0].Target + "/" + shown.ID, Username: shown.ID})[0]
	return s
}

// apart takes TARGET/ID apart. No id has a slash.
func apart(identity string) (target, id string) {
	i := strings.LastIndexByte(identity, '/')
	return identity[:max(i, 0)], identity[i+1:]
}

// checkIdentity wants a target, or TARGET/ID.
func checkIdentity(d *declared.Description, t core.Target) (core.Target, error) {
	p := d.Provider()
	target, err := p.CheckTarget(t.Target)
	if err == nil && t.Username == "" {
		t.Target = target
		return t, nil
	}
	of, id := apart(t.Target)
	target, ofErr := p.CheckTarget(of)
	if ofErr != nil || !declared.IsID(id) {
		return t, fmt.Errorf("%q is neither a target nor TARGET/ID: %w", t.Target, cmp.Or(err, ofErr))
	}
	t.Target, t.Username = target+"/"+id, cmp.Or(t.Username, id)
	return t, nil
}

// loginOf is what a program logs in with as an identity. A user name that the provider makes is as the example's, with the
// id in it.
func loginOf(d *declared.Description, target, id, example string) string {
	_, domain, _ := strings.Cut(example, "@")
	made := id
	if domain != "" {
		made += "@" + replace(domain, map[string]string{d.Targets()[0]: target})
	}
	return d.Login(target, id, made)
}

// minter is the API of one.
type minter struct {
	*service
	list declared.List
	most int
}

func openMinter(s *core.Service, d *declared.Description, o core.Options) (core.Opener, error) {
	m := &minter{newService(s, d), declared.List{}, math.MaxInt}
	if find(m.answers[declared.CallMint], isKind(rotation.Full)) != nil {
		m.most = most
	}
	var ok bool
	if m.list, ok = d.List(); !ok {
		return nil, fmt.Errorf("no example of %s shows an identity where items are", declared.CallList)
	}
	if text, given := o[maxIdentities]; given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s %q is not a number of identities", maxIdentities, text)
		}
		m.most = n
	}
	return m.open, nil
}

func (m *minter) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	got, refused := m.receive(r, body)
	if refused != nil {
		return nil, refused
	}
	of := place{target: m.target(got.Received), anywhere: got.Target == "" && len(got.Parts) == 0}
	if of.anywhere {
		of.target = ""
	}
	c := &core.Call{
		Op: got.Op, Target: of.target, Changes: true, Account: got.account,
		Refuse: func(why core.Refusal) core.Reply { return m.refuse(got.Call, of.target, why) },
	}
	switch got.Call {
	case declared.CallList:
		c.Changes, c.Do = false, func(time.Duration) core.Reply { return m.name(of) }
	case declared.CallDisable, declared.CallEnable, declared.CallRetire:
		c.Also, c.Do = []string{of.target + "/" + got.ID}, func(time.Duration) core.Reply { return m.retire(got.Call, of, got.ID) }
	default:
		c.Do = func(lag time.Duration) core.Reply { return m.mint(of.target, got.Label, lag) }
	}
	return c, nil
}

// place is whose identities a request is about: those of a target, or of all where a provider's calls do not name one.
type place struct {
	target   string
	anywhere bool
}

// knows tells whether there is such a target.
func (m *minter) knows(of place) bool {
	_, known := m.Ledger.Get(of.target)
	return of.anywhere || known
}

// identities are those that a place has.
func (m *minter) identities(of place) []core.Record {
	return slices.DeleteFunc(m.Ledger.List(""), func(r core.Record) bool {
		target, _ := apart(r.Target)
		return r.Live == "" || r.Username == "" || !of.anywhere && of.target != target
	})
}

// mint makes an identity.
func (m *minter) mint(target, label string, lag time.Duration) core.Reply {
	refused := func(o core.Outcome) core.Reply {
		return m.refuse(declared.CallMint, target, core.Refusal{Outcome: o})
	}
	if !m.knows(place{target: target}) {
		return refused(core.OutUnknown)
	}
	held := m.identities(place{target: target})
	taken := func(r core.Record) bool { return strings.EqualFold(r.Username, label) }
	switch {
	case slices.ContainsFunc(held, taken) && find(m.answers[declared.CallMint], isKind(rotation.Repeat)) != nil:
		return refused(core.OutRepeat)
	case len(held) >= m.most:
		return m.full(target)
	}
	said := m.success(declared.CallMint)
	id, shown := idLike(said.ID), rand.Text()
	added, err := m.Ledger.Add(core.Target{Target: target + "/" + id, Username: cmp.Or(label, id)})
	if err != nil || len(added) == 0 {
		return refused(core.OutFailed)
	}
	if _, result := m.Ledger.Set(target+"/"+id, m.description.Password(shown), lag); result != core.OutAccepted {
		return refused(result)
	}
	return m.reply(target, said, core.OutAccepted, map[string]string{
		said.Shows: shown, said.ID: id, said.Username: loginOf(m.description, target, id, said.Username), declared.ExampleLabel(): label,
	})
}

func isKind(kind rotation.Kind) func(declared.Answer) bool {
	return func(a declared.Answer) bool { return !a.Success && a.Kind == kind }
}

// full says that a target has as many as it may.
func (m *minter) full(target string) core.Reply {
	if one := find(m.answers[declared.CallMint], isKind(rotation.Full)); one != nil {
		return m.reply(target, *one, core.OutRejected, nil)
	}
	return m.refuse(declared.CallMint, target, core.Refusal{Outcome: core.OutMalformed})
}

// idLike makes an id that looks like the example's.
func idLike(example string) string {
	random := rand.Text()
	switch {
	case uuid.Validate(example) == nil:
		return uuid.NewString()
	case strings.Trim(example, "0123456789") == "":
		const most = 12 // which every number of JSON can hold
		return "1" + strings.Map(func(r rune) rune { return '0' + r%10 }, random[:most])
	case strings.ToUpper(example) == example:
		return random
	default:
		return strings.ToLower(random)
	}
}

// name lists the identities of a place.
func (m *minter) name(of place) core.Reply {
	if !m.knows(of) {
		return m.refuse(declared.CallList, of.target, core.Refusal{Outcome: core.OutUnknown})
	}
	var items []string
	for _, r := range m.identities(of) {
		target, id := apart(r.Target)
		items = append(items, replace(m.list.Item, m.about(target, map[string]string{m.list.ID: id, m.list.Label: r.Username})))
	}
	rep := m.reply(of.target, m.list.Whole, core.OutRead, nil)
	around := m.about(of.target, nil)
	rep.Body = []byte(replace(m.list.Before, around) + strings.Join(items, m.list.Between) + replace(m.list.After, around))
	return rep
}

// retire takes an identity away. To disable or enable it changes nothing here: no file says what would refuse it otherwise.
func (m *minter) retire(call string, of place, id string) core.Reply {
	refused := func(o core.Outcome) core.Reply {
		return m.refuse(call, of.target, core.Refusal{Outcome: o})
	}
	if !m.knows(of) {
		return refused(core.OutUnknown)
	}
	all := m.identities(of)
	i := slices.IndexFunc(all, func(r core.Record) bool { _, its := apart(r.Target); return its == id })
	if i < 0 {
		if gone := find(m.answers[call], func(a declared.Answer) bool { return a.Gone }); gone != nil {
			return m.reply(of.target, *gone, core.OutUnknown, nil)
		}
		return refused(core.OutUnknown)
	}
	if call == declared.CallRetire && m.Ledger.Remove(all[i].Target) != nil {
		return refused(core.OutFailed)
	}
	said := m.success(call)
	return m.reply(of.target, said, core.OutAccepted, map[string]string{said.ID: id})
}
