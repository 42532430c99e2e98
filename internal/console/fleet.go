package console

import (
	"net/http"

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

// fleet is how the fleet stands, with the accounts that are shown: those first that are not well.
type fleet struct {
	operate.Overview
	Rows []operate.AccountOverview
	More int // accounts that are not shown
	Well int // of these: are well
}

func fleetOf(o operate.Overview, all bool) fleet {
	var well, unwell []operate.AccountOverview
	for _, a := range o.Accounts {
		if len(troubles(a.Counts)) > 0 || a.Hold != (operate.Hold{}) || a.Unbuilt || a.Lately.Limited > 0 || a.Lately.Refused != nil {
			unwell = append(unwell, a)
		} else {
			well = append(well, a)
		}
	}
	f := fleet{Overview: o, Rows: append(unwell, well...)}
	if n := len(f.Rows); n > fleetRows && !all {
		f.Rows, f.More = f.Rows[:fleetRows], n-fleetRows
		f.Well = min(len(well), f.More)
	}
	return f
}
