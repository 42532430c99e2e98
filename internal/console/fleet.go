package console

import (
	"cmp"
	"net/http"
	"slices"

	"keyturn/internal/operate"
)

func (c *Console) fleetPage(w http.ResponseWriter, r *http.Request) {
	o, err := c.overview(r.Context())
	if err != nil {
		c.away(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, "fleet", "Fleet", fleetOf(o, r.URL.Query().Get("accounts") == "all"))
}

// fleetRows is how many accounts a page shows that was not asked for all.
const fleetRows = 50

// fleet is how the fleet stands, with the accounts that are shown: those first that need a person.
type fleet struct {
	operate.Overview
	Rows []operate.AccountOverview
	More int // accounts that are not shown
	Well int // of these: are well
}

func fleetOf(o operate.Overview, all bool) fleet {
	f := fleet{Overview: o, Rows: slices.Clone(o.Accounts)}
	slices.SortStableFunc(f.Rows, func(a, b operate.AccountOverview) int { return cmp.Compare(urgency(a), urgency(b)) })
	if n := len(f.Rows); n > fleetRows && !all {
		for _, a := range f.Rows[fleetRows:] {
			if urgency(a) == well {
				f.Well++
			}
		}
		f.Rows, f.More = f.Rows[:fleetRows], n-fleetRows
	}
	return f
}

// How soon a person should look at an account.
const (
	needsAPerson = iota
	troubled
	well
)

func urgency(a operate.AccountOverview) int {
	switch {
	case a.Quarantined+a.Deleted > 0, a.Breaker != nil, a.Stopped:
		return needsAPerson
	case a.Refused+a.InDoubt+a.Overdue > 0, a.Paused != nil, a.Unbuilt, a.Lately.Limited > 0, a.Lately.Refused != nil:
		return troubled
	}
	return well
}
