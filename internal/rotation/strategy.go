package rotation

import (
	"cmp"
	"time"
)

// Strategy is what a rotation changes.
type Strategy int

const (
	// StrategyReplace changes the password that consumers use: their copies die with it.
	StrategyReplace Strategy = iota
	// StrategyPair changes the password of the target that consumers do not use, and then has them switch to it.
	StrategyPair
	// StrategyOverlap has the provider make another identity beside the one that consumers use, has them switch to it, and
	// retires the one before after a while.
	StrategyOverlap
)

var strategyNames = [...]string{"replace", "pair", "overlap"}

func (s Strategy) String() string { return strategyNames[s] }

// Pair is two targets that take turns.
type Pair struct {
	Targets [2]Access // the first one is also Credential.Target, with Credential.Username
	// Grace is how long after a switch no rotation starts, so that what programs have cached keeps working.
	Grace time.Duration
}

// Overlap is how the identities of a credential follow each other.
type Overlap struct {
	// Grace is how long the identity before stays, so that what programs have cached keeps working.
	Grace time.Duration
	// Owner is the part of the labels that all identities of the credential have, and no others'; "" where the target is
	// the credential's alone, so that all that it has are.
	Owner string
	// Disables says that the provider disables an identity for a while before it takes it away.
	Disables bool
	// Manages says that accounts call their providers with the identity that current has: it is their management key.
	Manages bool
}

// Access is a target with what a program needs to log in there, apart from the password.
type Access struct {
	Target   string            // canonical, as Provider.CheckTarget returns it
	Username string            // "" means the target
	Fields   map[string]string // of the secret, written together with the password; never changed
}

// Login is the name that a program logs in with.
func (a *Access) Login() string { return cmp.Or(a.Username, a.Target) }

// Find returns the target of a pair, or the one with that login; nil if it is neither.
func (p *Pair) Find(target, login string) *Access {
	for i := range p.Targets {
		if a := &p.Targets[i]; target != "" && a.Target == target || target == "" && login != "" && a.Login() == login {
			return a
		}
	}
	return nil
}

// Other returns the target that is not this one; of nil, the first.
func (p *Pair) Other(than *Access) *Access {
	if than == &p.Targets[0] {
		return &p.Targets[1]
	}
	return &p.Targets[0]
}

// InUse returns the target of a pair that consumers use, given the closed or open journal and current; nil if neither names
// one of the two. Where current names no target, because a rotation by another strategy wrote it or because it is deleted,
// the journal knows, unless a person wrote current since.
func (p *Pair) InUse(rec *Record, current *Entry) *Access {
	target := current.Target
	if target == "" && rec.vouches(current) {
		if target = rec.Target; rec.State != Closed || rec.BaseTarget != "" {
			target = rec.BaseTarget // nothing was promoted
		}
	}
	return p.Find(target, current.Username)
}

// vouches reports whether current is what keyturn last wrote, or nothing.
func (r *Record) vouches(current *Entry) bool {
	if current.RotationID == "" {
		return current.Password.IsZero()
	}
	return current.RotationID == r.RotationID || current.Version <= r.CurrentVersion+1 // a fence may follow the close
}

// lasting tells that what consumers have keeps working until a while after the rotation, so that nothing is promoted which
// is not certain.
func (r *Record) lasting() bool { return r.Strategy != StrategyReplace }

func (r *run) inUse() *Access { return r.Credential.Pair.InUse(&r.rec, &r.base) }

// LoginOf is the login that the password of current belongs to; false if it is neither of a pair's.
func (c *Credential) LoginOf(current Entry) (login string, ok bool) {
	if c.Pair == nil {
		if current.ID != "" || c.Overlap != nil {
			return current.Username, current.Username != ""
		}
		return c.Login(), true
	}
	a := c.Pair.Find(current.Target, current.Username)
	if a == nil {
		return "", false
	}
	return a.Login(), true
}

// loginNow is what a check asks about: the login and target of what consumers use.
func (r *run) loginNow() (login, target string) {
	c := r.Credential
	if c.Pair != nil {
		if a := r.inUse(); a != nil {
			return a.Login(), a.Target
		}
	}
	if r.base.ID != "" || c.Overlap != nil {
		return r.base.Username, c.Target
	}
	if foreign := c.Pair != nil || r.base.Target != "" && r.base.Target != c.Target; foreign && r.base.Username != "" {
		return r.base.Username, r.base.Target // of a person, or of the pair that it was
	}
	return c.Login(), c.Target
}

// has reports whether a target is the credential's, or one of its pair.
func (c *Credential) has(target string) bool {
	return target == c.Target || c.Pair != nil && c.Pair.Find(target, "") != nil
}
