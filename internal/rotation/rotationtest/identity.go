package rotationtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// Grace is that of an overlap.
const Grace = 10 * time.Minute

// Overlap returns a subject whose provider holds several identities at once. The first one is what current names.
func (k *Worker) Overlap(verified bool) rotation.Subject {
	k.mu.Lock()
	if k.identities == nil {
		k.identities = map[string]secret.Value{"identity-0": Old}
		k.current.all[0].ID, k.current.all[0].Username = "identity-0", "user"
		k.journal.all = []rotation.Record{{
			Version: 1, Schema: rotation.Schema, RotationID: "before", CurrentVersion: 1, Place: rotation.Place{Store: "main", Path: "mail/alerts"},
			Identities: rotation.Identities{
				Account: "acme", Target: "alerts@example.com", Owner: "ours", Grace: Grace,
				Used: "identity-0", UsedAccount: "acme", UsedTarget: "alerts@example.com",
			},
		}}
	}
	k.mu.Unlock()
	s := k.subject(rotation.Client{Minter: provider{k}}, verified)
	s.Credential.Overlap = &rotation.Overlap{Grace: Grace, Owner: "ours"}
	return s
}

// Identities names those that the provider has, in order.
func (w *World) Identities() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.identities))
}

func (p provider) Mint(_ context.Context, _ string, _ rotation.Label) (made rotation.Identity, err error) {
	err = p.do(p.Name, "minter.mint", func() error {
		if e := p.refusal("minter.mint"); e != nil {
			return e
		}
		if rec := p.Journal(); rec.State != rotation.Open || !answerable(rec) {
			p.violate("an identity was made without an intent in the journal")
		}
		password := p.newPassword()
		made = rotation.Identity{ID: fmt.Sprintf("identity-%d", p.passwords), Username: "user", Password: password, Synced: true}
		p.identities[made.ID], p.live = password, password
		p.accepted = append(p.accepted, password)
		return nil
	})
	if err != nil {
		return rotation.Identity{}, err // a lost reply shows nothing
	}
	return made, nil
}

func (p provider) Identities(ctx context.Context, _, _ string, turn func(context.Context) error) (ids []string, err error) {
	if err := turn(ctx); err != nil {
		return nil, err
	}
	err = p.do(p.Name, "minter.list", func() error {
		ids = slices.Sorted(maps.Keys(p.identities))
		return nil
	})
	return ids, err
}

func (p provider) Retire(_ context.Context, _, id string) error {
	return p.do(p.Name, "minter.retire", func() error {
		if p.Current().ID == id {
			p.violate("what consumers use is retired")
		}
		delete(p.identities, id)
		return nil
	})
}
