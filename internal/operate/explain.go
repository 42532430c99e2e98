package operate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/rotation"
)

// Story is where a credential stands, why, and what happens next. It holds no secret.
type Story struct {
	Row
	Target     string      `json:"target"`
	Store      string      `json:"store"`
	Path       string      `json:"path"`
	RotationID string      `json:"rotation_id,omitempty"` // of what consumers read
	Journal    *Journal    `json:"journal,omitempty"`
	Candidates []Candidate `json:"candidates,omitempty"`
	LastAnswer *Answer     `json:"last_answer,omitempty"`
	// Differs is what the open rotation is about where the configuration says something else by now.
	Differs []Difference `json:"differs,omitempty"`
	Pair    *Turns       `json:"pair,omitempty"`
	Overlap *Following   `json:"overlap,omitempty"`
	Hold                 // of its account
	Untold  []Untold     `json:"untold,omitempty"` // elsewhere, by webhooks and what notify names
	// Unknown is what could not be asked, and why: nothing of it is in the story.
	Unknown string `json:"unknown,omitempty"`
	Next    Next   `json:"next"`
}

// Turns is how a pair of targets stands.
type Turns struct {
	InUse string `json:"in_use,omitempty"` // what programs log in to, as the secret says; "" if it names neither
	Next  string `json:"next,omitempty"`   // what the next rotation changes
	// GraceEnds is until when no rotation starts unless a person insists, because programs may use what they cached.
	GraceEnds *time.Time `json:"grace_ends,omitempty"`
}

// turns says whose turn it is; nil where there is one target.
func turns(cred *rotation.Credential, rec rotation.Record, current rotation.Entry, now time.Time) *Turns {
	pair := cred.Pair
	if pair == nil {
		return nil
	}
	used := pair.InUse(&rec, &current)
	if used == nil && !current.Password.IsZero() {
		return &Turns{}
	}
	t := &Turns{Next: pair.Other(used).Target}
	if used != nil {
		t.InUse = used.Target
	}
	if rec.State != rotation.Closed && rec.Target != "" {
		t.Next = rec.Target
	}
	if ends := current.RotatedAt.Add(pair.Grace); !current.RotatedAt.IsZero() && ends.After(now) {
		t.GraceEnds = &ends
	}
	return t
}

// Following is how the identities of an overlap stand.
type Following struct {
	InUse   string     `json:"in_use,omitempty"` // as the secret says
	Waiting []Retiring `json:"waiting,omitempty"`
	Kept    []string   `json:"kept,omitempty"` // a person's: never retired
}

// Retiring is an identity that waits to be retired.
type Retiring struct {
	Identity  string    `json:"identity"`
	NotBefore time.Time `json:"not_before"`
	Disabled  bool      `json:"disabled,omitempty"` // the provider refuses it already; NotBefore is when it is deleted
}

// following says which identities there are; nil where none follow each other.
func following(cred *rotation.Credential, rec rotation.Record, current rotation.Entry) *Following {
	if cred.Overlap == nil && len(rec.Identities.Retire) == 0 {
		return nil
	}
	f := &Following{InUse: current.ID, Kept: rec.Identities.Kept}
	for _, w := range rec.Identities.Retire {
		f.Waiting = append(f.Waiting, Retiring{Identity: w.ID, NotBefore: w.NotBefore, Disabled: w.Phase == rotation.Disabled})
	}
	return f
}

// Journal is the record of the open rotation, or what is left of the last one.
type Journal struct {
	Version    int       `json:"version"`
	RotationID string    `json:"rotation_id"`
	Reason     string    `json:"reason"`
	Slot       time.Time `json:"slot,omitzero"`
	Claims     int       `json:"claims"`
	Owner      string    `json:"owner"`
	AskedBy    string    `json:"requested_by,omitempty"`
	TouchedAt  time.Time `json:"touched_at,omitzero"`
	Since      time.Time `json:"quarantined_at,omitzero"`
	Why        string    `json:"why,omitempty"`
	RecheckAt  time.Time `json:"recheck_at,omitzero"`
	Lost       int       `json:"lost_generations,omitempty"`
}

// Candidate is a password that may or may not be live, told by its number.
type Candidate struct {
	Number int       `json:"number"`
	At     time.Time `json:"at,omitzero"`
	Story  string    `json:"story"`
}

// Answer is the provider's last answer that was not a plain success.
type Answer struct {
	Kind      string    `json:"kind"`
	Code      string    `json:"code"`
	RequestID string    `json:"request_id,omitempty"`
	At        time.Time `json:"at,omitzero"`
}

// Difference is a setting of an open rotation that the configuration has changed since.
type Difference struct {
	Field         string `json:"field"`
	Journal       string `json:"journal"`
	Configuration string `json:"configuration"`
}

// Next is what happens without a person, or which operations help.
type Next struct {
	Text string     `json:"text"`
	At   *time.Time `json:"at,omitempty"`
	Do   []string   `json:"do,omitempty"` // names of operations
}

// Explain tells the story of a credential. Vault is needed for it; what Redis does not tell is named.
func (d *Desk) Explain(ctx context.Context, id string) (Story, error) {
	cred, err := d.Credential(id)
	if err != nil {
		return Story{}, err
	}
	if d.Truth == nil {
		return Story{}, errNoTruth
	}
	seen, err := d.look(ctx, cred)
	if err != nil {
		return Story{}, d.of(cred, err)
	}
	m, err := d.mirrored(ctx, cred)
	rec := seen.rec
	s := Story{
		Row: d.row(cred, rec, seen.current, m.check, d.Clock.Now()), Target: cred.Target, Store: cred.Place.Store, Path: cred.Place.Path,
		RotationID: seen.current.RotationID, Differs: differences(cred, rec), Hold: m.hold,
		Pair: turns(cred, rec, seen.current, d.Clock.Now()), Overlap: following(cred, rec, seen.current),
	}
	c, unread := d.calendar(ctx)
	s.Frozen = c.of(d, cred).At(d.Clock.Now())
	untold, unasked := d.Untold(ctx, cred)
	s.Untold = untold
	if err = errors.Join(err, unread, unasked); err != nil {
		s.Unknown = err.Error()
	}
	if rec.Version > 0 {
		s.Journal = &Journal{
			Version: rec.Version, RotationID: rec.RotationID, Reason: string(rec.Reason), Slot: rec.Slot, Claims: rec.Attempt, Owner: rec.Owner, AskedBy: rec.RequestedBy,
			TouchedAt: rec.TouchedAt, Since: rec.Since, Why: Plain(rec.Why), RecheckAt: rec.RecheckAt, Lost: rec.LostGenerations,
		}
	}
	for _, c := range rec.Candidates {
		s.Candidates = append(s.Candidates, Candidate{Number: c.Number, At: c.At, Story: candidateStory(c)})
	}
	if f := rec.LastError; f != nil {
		s.LastAnswer = &Answer{Kind: f.Kind, Code: f.Code, RequestID: f.RequestID, At: f.At}
	}
	s.Next = d.next(s.Row, rec)
	return s, nil
}

// mirrored is what Redis tells about a credential and its account.
type mirrored struct {
	check due.Check
	hold  Hold
}

// mirrored asks Redis. Its error is no reason to tell nothing.
func (d *Desk) mirrored(ctx context.Context, cred *rotation.Credential) (m mirrored, err error) {
	const what = "breaker, pause and last check"
	if d.Index == nil {
		return m, fmt.Errorf("%s: %w", what, d.Away)
	}
	checks, err := d.Index.Checks(ctx, []*rotation.Credential{cred})
	if err != nil {
		return m, fmt.Errorf("%s: %w", what, err)
	}
	m.check = checks[0]
	m.hold, err = d.hold(ctx, cred.Account)
	return m, err
}

// differences are those between an open rotation and the configuration.
func differences(cred *rotation.Credential, rec rotation.Record) []Difference {
	if rec.State == rotation.Closed {
		return nil
	}
	target, username := cred.Target, cred.Username
	if cred.Pair != nil {
		if a := cred.Pair.Find(rec.Target, ""); a != nil {
			target, username = a.Target, a.Login()
		}
	}
	if rec.Strategy == rotation.StrategyOverlap {
		username = rec.Username // the identity's
	}
	var all []Difference
	for _, d := range []Difference{
		{"strategy", rec.Strategy.String(), cred.Strategy().String()},
		{"target", rec.Target, target},
		{"username", rec.Username, username},
		{"path", rec.Place.Store + ":" + rec.Place.Path, cred.Place.Store + ":" + cred.Place.Path},
	} {
		if d.Journal != d.Configuration {
			all = append(all, d)
		}
	}
	return all
}

func candidateStory(c rotation.Candidate) string {
	switch c.State {
	case rotation.Staged:
		return "journalled; it may have been sent"
	case rotation.Doubtful:
		return "sent, and the outcome is not known"
	case rotation.Accepted:
		if c.Denied {
			return "accepted by the provider, and refused by the verifier since"
		}
		return "accepted by the provider"
	case rotation.Intent:
		return "a generation was asked for, and no answer is known"
	case rotation.Dead:
		return "the call made nothing"
	case rotation.RefusedByRule:
		return "refused by the provider's rule"
	}
	return "unknown"
}

// next says what happens without a person, or what a person can do.
func (d *Desk) next(r Row, rec rotation.Record) Next {
	least := d.Timing.MinInterval
	switch {
	case rec.State == rotation.Quarantined && rec.Target == "":
		return Next{Text: "nothing, until a person says which target the password is of", Do: []string{"adopt"}}
	case rec.State == rotation.Quarantined:
		return Next{Text: "nothing, until a person decides: recover tries every password that is known, retry goes on as it was", Do: []string{"recover", "retry"}}
	case rec.State == rotation.Open:
		return Next{Text: "a worker goes on with it, at the latest when nothing touched it for " + d.Timing.ResumeAfter.String()}
	case !rec.RecheckAt.IsZero() && rec.RecheckAt.After(rec.TouchedAt):
		return Next{Text: "a check, because a late call could have overtaken the last rotation", At: &rec.RecheckAt}
	case r.Manual:
		return Next{Text: "nothing, until a person rotates it for the first time", Do: []string{"rotate", "adopt"}}
	case r.OnDemand:
		return Next{Text: "nothing, until a person asks for a rotation: its schedule is manual", Do: []string{"rotate"}}
	case r.Frozen != nil && (r.Due == nil || r.Due.Before(r.Frozen.Until)):
		return Next{Text: "its next rotation, when the change freeze is over; open rotations, repairs and `rotate --force` do not wait for that", At: &r.Frozen.Until}
	case r.Due == nil:
		return Next{Text: "its first rotation, when a scheduler says so"}
	case r.RotatedAt != nil && r.RotatedAt.Add(least).After(d.Clock.Now()):
		return Next{Text: fmt.Sprintf("its next rotation; none within %s of the last one, whose late call could still arrive", least), At: r.Due}
	}
	return Next{Text: "its next rotation", At: r.Due}
}
