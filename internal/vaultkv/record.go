package vaultkv

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// journal is a rotation.Record as Vault holds it. The names are a format: other versions of keyturn read them.
type journal struct {
	Schema          int               `json:"schema"`
	State           string            `json:"state"`
	RotationID      string            `json:"rotation_id,omitempty"`
	Slot            time.Time         `json:"slot,omitzero"`
	Reason          string            `json:"reason,omitempty"`
	RequestedBy     string            `json:"requested_by,omitempty"`
	Attempt         int               `json:"attempt,omitempty"`
	Owner           string            `json:"owner,omitempty"`
	OpenedAt        time.Time         `json:"opened_at,omitzero"`
	TouchedAt       time.Time         `json:"touched_at,omitzero"`
	Account         string            `json:"account,omitempty"`
	Mode            string            `json:"mode,omitempty"`
	Strategy        string            `json:"strategy,omitempty"`
	Target          string            `json:"target,omitempty"`
	Username        string            `json:"username,omitempty"`
	Fields          map[string]string `json:"fields,omitempty"`
	Login           string            `json:"login,omitempty"`
	Store           string            `json:"store,omitempty"`
	Path            string            `json:"path,omitempty"`
	BaseVersion     int               `json:"base_version,omitempty"`
	BasePassword    string            `json:"base_password,omitempty"`
	BaseTarget      string            `json:"base_target,omitempty"`
	BaseLogin       string            `json:"base_login,omitempty"`
	Policy          string            `json:"policy,omitempty"`
	Candidates      []candidate       `json:"candidates,omitempty"`
	Doubted         bool              `json:"doubted,omitempty"`
	QuietAt         time.Time         `json:"quiet_at,omitzero"`
	LostGenerations int               `json:"lost_generations,omitempty"`
	Why             string            `json:"why,omitempty"`
	Since           time.Time         `json:"since,omitzero"`
	RecheckAt       time.Time         `json:"recheck_at,omitzero"`
	CurrentVersion  int               `json:"current_version,omitempty"`
	Repairs         int               `json:"repairs,omitempty"`
	RaisedAt        time.Time         `json:"raised_at,omitzero"`
	LastError       *refusal          `json:"last_error,omitempty"`
	Identities      identities        `json:"identities,omitzero"`
}

type candidate struct {
	Number int       `json:"number"`
	Value  string    `json:"value,omitempty"`
	ID     string    `json:"id,omitempty"`
	Login  string    `json:"login,omitempty"`
	State  string    `json:"state"`
	Synced bool      `json:"synced,omitempty"`
	Sends  int       `json:"sends,omitempty"`
	Denied bool      `json:"denied,omitempty"`
	At     time.Time `json:"at,omitzero"`
}

type refusal struct {
	Kind      string    `json:"kind"`
	Code      string    `json:"code,omitempty"`
	RequestID string    `json:"request_id,omitempty"`
	At        time.Time `json:"at,omitzero"`
}

// modeNames, stateNames and candidateNames are indexed by the domain's values; an empty name is no state.
var (
	modeNames      = []string{rotation.ModeSetter: "setter", rotation.ModeIssuer: "issuer"}
	strategyNames  = []string{rotation.StrategyPair: "pair", rotation.StrategyOverlap: "overlap"} // left out: replace
	stateNames     = []string{rotation.Closed: "closed", rotation.Open: "open", rotation.Quarantined: "quarantined"}
	candidateNames = []string{
		rotation.Staged:        "staged",
		rotation.Doubtful:      "in doubt",
		rotation.Accepted:      "accepted",
		rotation.Intent:        "intent",
		rotation.Dead:          "dead",
		rotation.RefusedByRule: "refused by rule",
	}
)

func nameOf[S ~int](names []string, state S) (string, error) {
	if state < 0 || int(state) >= len(names) || names[state] == "" {
		return "", fmt.Errorf("state %d has no name in the journal", state)
	}
	return names[state], nil
}

func stateOf[S ~int](names []string, name string) (S, error) {
	i := slices.Index(names, name)
	if i < 0 || name == "" {
		return 0, errUnreadable
	}
	return S(i), nil
}

// newJournal is the stored form of rec, in rec's own schema.
func newJournal(rec *rotation.Record) (*journal, error) {
	state, err := nameOf(stateNames, rec.State)
	if err != nil {
		return nil, err
	}
	mode := ""
	if rec.Mode != 0 {
		if mode, err = nameOf(modeNames, rec.Mode); err != nil {
			return nil, err
		}
	}
	strategy := ""
	if rec.Strategy != rotation.StrategyReplace {
		if strategy, err = nameOf(strategyNames, rec.Strategy); err != nil {
			return nil, err
		}
	}
	ids, err := newIdentities(&rec.Identities)
	if err != nil {
		return nil, err
	}
	j := &journal{
		Schema: cmp.Or(rec.Schema, rotation.Schema), State: state, RotationID: rec.RotationID, Slot: rec.Slot,
		Reason: string(rec.Reason), Attempt: rec.Attempt, Owner: rec.Owner,
		RequestedBy: rec.RequestedBy, OpenedAt: rec.OpenedAt, TouchedAt: rec.TouchedAt, Account: rec.Account, Mode: mode,
		Strategy: strategy, Target: rec.Target, Username: rec.Username, Fields: rec.Fields, Login: rec.Login,
		Store: rec.Place.Store, Path: rec.Place.Path, BaseTarget: rec.BaseTarget, BaseLogin: rec.BaseLogin, QuietAt: rec.QuietAt,
		BaseVersion: rec.BaseVersion, BasePassword: rec.BasePassword.Reveal(), Policy: rec.Policy,
		Doubted: rec.Doubted, LostGenerations: rec.LostGenerations,
		Why: rec.Why, Since: rec.Since, RecheckAt: rec.RecheckAt, LastError: (*refusal)(rec.LastError),
		CurrentVersion: rec.CurrentVersion, Repairs: rec.Repairs, RaisedAt: rec.RaisedAt, Identities: ids,
	}
	for _, c := range rec.Candidates {
		state, err := nameOf(candidateNames, c.State)
		if err != nil {
			return nil, err
		}
		j.Candidates = append(j.Candidates, candidate{
			Number: c.Number, Value: c.Value.Reveal(), ID: c.ID, Login: c.Login, State: state, Synced: c.Synced, Sends: c.Sends, Denied: c.Denied, At: c.At,
		})
	}
	return j, nil
}

// record is the inverse of newJournal. A name that it does not know is an error, never a guess.
func (j *journal) record() (rotation.Record, error) {
	state, err := stateOf[rotation.State](stateNames, j.State)
	if err != nil {
		return rotation.Record{}, err
	}
	var mode rotation.Mode
	if j.Mode != "" {
		if mode, err = stateOf[rotation.Mode](modeNames, j.Mode); err != nil {
			return rotation.Record{}, err
		}
	}
	var strategy rotation.Strategy
	if j.Strategy != "" {
		if strategy, err = stateOf[rotation.Strategy](strategyNames, j.Strategy); err != nil {
			return rotation.Record{}, err
		}
	}
	ids, err := j.Identities.record()
	if err != nil {
		return rotation.Record{}, err
	}
	rec := rotation.Record{
		Schema: j.Schema, State: state, RotationID: j.RotationID, Slot: j.Slot,
		Reason: rotation.Reason(j.Reason), Attempt: j.Attempt, Owner: j.Owner,
		RequestedBy: j.RequestedBy, OpenedAt: j.OpenedAt, TouchedAt: j.TouchedAt, Account: j.Account, Mode: mode,
		Strategy: strategy, Target: j.Target, Username: j.Username, Fields: j.Fields, Login: j.Login,
		Place: rotation.Place{Store: j.Store, Path: j.Path}, BaseTarget: j.BaseTarget, BaseLogin: j.BaseLogin, QuietAt: j.QuietAt,
		BaseVersion: j.BaseVersion, BasePassword: secret.New(j.BasePassword), Policy: j.Policy,
		Doubted: j.Doubted, LostGenerations: j.LostGenerations,
		Why: j.Why, Since: j.Since, RecheckAt: j.RecheckAt, LastError: (*rotation.Refusal)(j.LastError),
		CurrentVersion: j.CurrentVersion, Repairs: j.Repairs, RaisedAt: j.RaisedAt, Identities: ids,
	}
	for _, c := range j.Candidates {
		state, err := stateOf[rotation.CandidateState](candidateNames, c.State)
		if err != nil {
			return rotation.Record{}, err
		}
		rec.Candidates = append(rec.Candidates, rotation.Candidate{
			Number: c.Number, Value: secret.New(c.Value), ID: c.ID, Login: c.Login, State: state, Synced: c.Synced, Sends: c.Sends, Denied: c.Denied, At: c.At,
		})
	}
	return rec, nil
}
