package operate

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Cause is something that needs a person: of several credentials that stand still for one reason, it is one.
type Cause struct {
	Account  string `json:"account"`
	Provider string `json:"provider"`
	// Kind is "breaker", "stopped" (a person paused a queue), "deleted" (consumers find no password) or "quarantine".
	Kind string `json:"kind"`
	Why  string `json:"why"`
	// Since is when it began; absent where Redis does not tell.
	Since *time.Time `json:"since,omitempty"`
	Next  *time.Time `json:"next,omitempty"` // when keyturn tries again by itself
	// Credentials are those in quarantine for it; of a breaker or a stopped queue none are named: all of the account wait.
	Credentials []string `json:"credentials,omitempty"`
	// More is how many of the account are in quarantine beside those that were read.
	More int `json:"more,omitempty"`
}

// stuckMost bounds how many of an account are told of.
const stuckMost = 500

// WorkList is what needs a person, accounts that stand still first. It takes no rights in Vault.
func (d *Desk) WorkList(ctx context.Context, o Overview) ([]Cause, error) {
	var all []Cause
	for _, a := range o.Accounts {
		if a.Breaker != nil {
			all = append(all, Cause{Account: a.Account, Provider: a.Provider, Kind: "breaker", Why: a.Breaker.Cause, Since: &a.Breaker.Since, Next: &a.Breaker.Next})
		}
		if a.Stopped {
			all = append(all, Cause{Account: a.Account, Provider: a.Provider, Kind: "stopped", Why: "a person paused its queue"})
		}
	}
	for _, a := range o.Accounts {
		if a.Deleted > 0 {
			ids, err := d.Mirror.Without(ctx, a.Account, stuckMost)
			if err != nil {
				return nil, err
			}
			slices.Sort(ids)
			all = append(all, Cause{Account: a.Account, Provider: a.Provider, Kind: "deleted", Why: "consumers find no password", Credentials: ids, More: max(a.Deleted-len(ids), 0)})
		}
		if a.Quarantined == 0 {
			continue
		}
		stuck, err := d.Mirror.Stuck(ctx, a.Account, stuckMost)
		if err != nil {
			return nil, err
		}
		all = append(all, d.causes(a, stuck)...)
	}
	return all, nil
}

// causes puts credentials together that are in quarantine for the same reason. What the configuration has no more is left out:
// it is on its way out of the index.
func (d *Desk) causes(a AccountOverview, stuck map[string]string) []Cause {
	byWhy := map[string]*Cause{}
	for id, why := range stuck {
		if _, known := d.Fleet.Credential(id); !known {
			continue
		}
		why = cmp.Or(Plain(why), "its journal says why")
		if byWhy[why] == nil {
			byWhy[why] = &Cause{Account: a.Account, Provider: a.Provider, Kind: "quarantine", Why: why}
		}
		byWhy[why].Credentials = append(byWhy[why].Credentials, id)
	}
	all := make([]Cause, 0, len(byWhy))
	for _, c := range byWhy {
		slices.Sort(c.Credentials)
		all = append(all, *c)
	}
	slices.SortFunc(all, func(x, y Cause) int {
		return cmp.Or(cmp.Compare(len(y.Credentials), len(x.Credentials)), cmp.Compare(x.Why, y.Why))
	})
	if more := a.Quarantined - len(stuck); more > 0 && len(all) > 0 {
		all[len(all)-1].More = more
	}
	return all
}
