package operate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/freeze"
	"keyturn/internal/rotation"
)

// Overview is how the fleet stands, as Redis mirrors it.
type Overview struct {
	At       time.Time `json:"at"`
	Sentence string    `json:"sentence"` // for people
	NeedYou  int       `json:"need_you"` // credentials in quarantine or without their password, open breakers, stopped queues
	// Sure says that NeedYou is all: every account could be asked about, and its index is built.
	Sure     bool              `json:"sure"`
	Counts   Counts            `json:"counts"`
	Accounts []AccountOverview `json:"accounts"`
	Freezes  freeze.Set        `json:"freezes"` // that are not over
	// Ahead is how many rotations fall due on each of the next 30 days of 24 hours, what is overdue on the first one.
	Ahead  []int  `json:"ahead"`
	Oldest *Row   `json:"oldest,omitempty"` // the oldest against its schedule; missing: nothing is scheduled, or it was just taken out of the configuration
	Lately Lately `json:"last_24_hours"`
	// Unknown is what could not be asked, and why.
	Unknown string `json:"unknown,omitempty"`
}

// Counts is how many credentials stand where. Those that are overdue are among the healthy ones.
type Counts struct {
	Credentials int `json:"credentials"`
	Healthy     int `json:"healthy"`
	Rotating    int `json:"rotating"`
	InDoubt     int `json:"in_doubt"`
	Quarantined int `json:"quarantined"`
	Waiting     int `json:"waiting"` // for their first rotation
	Deleted     int `json:"deleted"` // keyturn wrote a password, and consumers find none
	Refused     int `json:"refused"` // the last check of what consumers read was refused
	Unread      int `json:"unread"`  // not read from Vault since Redis was emptied
	Overdue     int `json:"overdue"`
	Retiring    int `json:"retiring"` // have an identity that waits to be retired
}

func (c *Counts) add(other Counts) {
	c.Credentials += other.Credentials
	c.Healthy += other.Healthy
	c.Rotating += other.Rotating
	c.InDoubt += other.InDoubt
	c.Quarantined += other.Quarantined
	c.Waiting += other.Waiting
	c.Deleted += other.Deleted
	c.Refused += other.Refused
	c.Unread += other.Unread
	c.Overdue += other.Overdue
	c.Retiring += other.Retiring
}

// AccountOverview is how an account stands.
type AccountOverview struct {
	Account  string            `json:"account"`
	Provider string            `json:"provider"`
	Owner    string            `json:"owner,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	Counts
	Rates   string `json:"rates"`
	Backlog int    `json:"backlog"` // jobs that could run now and have not begun
	// BacklogEnds is when that, and what is overdue, will have had its calls at the account's rate. Missing: nothing waits, or until when
	// it is held back is not known.
	BacklogEnds *time.Time `json:"backlog_ends,omitempty"`
	Used        Used       `json:"used"`
	Lately      Lately     `json:"last_24_hours"`
	// Unbuilt says that Redis was emptied, or no scheduler has run yet: the counts say little.
	Unbuilt bool `json:"unbuilt,omitempty"`
	Hold

	unasked bool // what holds it back is not known
}

// countsOf is what the index counts of an account that has so many credentials, of which both were counted twice.
func countsOf(c due.Count, size, both int) Counts {
	n := Counts{
		Credentials: size, Rotating: max(c.Open-c.Doubted, 0), InDoubt: min(c.Doubted, c.Open), Quarantined: c.Quarantined,
		Overdue: c.Overdue, Retiring: c.Retiring, Waiting: c.Unrotated, Deleted: c.Gone, Refused: c.Refused, Unread: max(size-c.Known, 0),
	}
	n.Healthy = max(size-n.Unread-c.Quarantined-c.Open-c.Unrotated-c.Gone-c.Refused+min(both, c.Open), 0)
	return n
}

const aheadDays = 30

// Overview tells how the fleet stands. It takes no rights in Vault, and a time that depends on the number of accounts alone.
func (d *Desk) Overview(ctx context.Context) (Overview, error) {
	names := slices.Sorted(maps.Keys(d.Accounts))
	counts, err := d.Index.Counts(ctx, names...)
	if err != nil {
		return Overview{}, err
	}
	depths, err := d.Queue.Depths(ctx, names...)
	if err != nil {
		return Overview{}, err
	}
	both, err := d.Mirror.Both(ctx, names...)
	if err != nil {
		both = make([]int, len(names)) // an older Redis: while they rotate for the first time, some count as less healthy
	}
	o := Overview{At: d.Clock.Now(), Accounts: make([]AccountOverview, 0, len(names))}
	tallies, err := d.Mirror.Tallies(ctx, o.At, latelyHours, names...)
	if err != nil {
		return Overview{}, err
	}
	o.addAccounts(d, names, counts, both, tallies)
	for _, q := range depths {
		if i, known := slices.BinarySearch(names, q.Account); known {
			o.Accounts[i].Backlog += q.Pending
			o.Accounts[i].Stopped = o.Accounts[i].Stopped || q.Paused
		}
	}
	if o.Ahead, err = d.Mirror.Ahead(ctx, o.At, aheadDays, names...); err != nil {
		return Overview{}, err
	}
	unasked := d.heldBack(ctx, o.Accounts)
	if o.Oldest, err = d.oldest(ctx, names); err != nil {
		return Overview{}, err
	}
	c, unread := d.calendar(ctx)
	o.Freezes = append(freeze.Set{}, c.ahead(o.At)...)
	for i := range o.Accounts {
		o.Accounts[i].BacklogEnds = d.backlogEnds(&o.Accounts[i], o.Freezes, o.At)
	}
	if err := errors.Join(unasked, unread); err != nil {
		o.Unknown = Plain(err.Error())
	}
	o.NeedYou = o.needs()
	o.Sentence = o.sentence()
	return o, nil
}

// addAccounts adds what is counted of each account, in the order of their names.
func (o *Overview) addAccounts(d *Desk, names []string, counts []due.Count, both []int, tallies []due.Tallies) {
	sizes := d.sizes()
	var all due.Tally
	var refused time.Time
	for i, name := range names {
		account := d.Accounts[name]
		a := AccountOverview{
			Account: name, Provider: account.Provider.Code, Counts: countsOf(counts[i], sizes[name].credentials, both[i]),
			Unbuilt: !counts[i].Built, Rates: ratesText(account.Rates),
		}
		if account.Marks != nil {
			a.Owner, a.Labels = account.Marks.Owner, account.Marks.Labels
		}
		var sum due.Tally
		for _, h := range tallies[i].Hours {
			sum.Add(h)
		}
		a.Lately, a.Used = lately(sum, tallies[i].Refused), usedOf(account, tallies[i].Hours)
		all.Add(sum)
		refused = later(refused, tallies[i].Refused)
		o.Accounts = append(o.Accounts, a)
		o.Counts.add(a.Counts)
	}
	o.Lately = lately(all, refused)
}

// needs counts what needs a person.
func (o *Overview) needs() int {
	n := o.Counts.Quarantined + o.Counts.Deleted
	for _, a := range o.Accounts {
		if a.Breaker != nil {
			n++
		}
		if a.Stopped {
			n++
		}
	}
	return n
}

// heldBack asks what holds each account back beside a person's pause, several at a time.
func (d *Desk) heldBack(ctx context.Context, accounts []AccountOverview) error {
	var mu sync.Mutex
	var failed error
	var wg sync.WaitGroup
	turn := make(chan struct{}, ReadsAtOnce)
	for i := range accounts {
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			a := &accounts[i]
			var err error
			a.Breaker, a.Paused, err = d.refused(ctx, a.Account)
			mu.Lock()
			defer mu.Unlock()
			if a.unasked = err != nil; failed == nil && err != nil {
				failed = fmt.Errorf("account %s: %w", accounts[i].Account, err)
			}
		})
	}
	wg.Wait()
	return failed
}

// sentence says first whether a person is needed.
func (o *Overview) sentence() string {
	c := o.Counts
	parts := []string{fmt.Sprintf("%s of %s healthy", Grouped(c.Healthy), Grouped(c.Credentials))}
	for _, part := range []struct {
		n    int
		what string
	}{
		{c.Rotating, "rotating"},
		{c.InDoubt, "in doubt"},
		{c.Quarantined, "quarantined"},
		{c.Overdue, "overdue"},
		{c.Deleted, "without their password in Vault"},
		{c.Refused, "refused at their last check"},
		{c.Waiting, "waiting for their first rotation"},
		{c.Unread, "not read yet"},
	} {
		if part.n > 0 {
			parts = append(parts, Grouped(part.n)+" "+part.what)
		}
	}
	rest := strings.Join(parts, ", ") + "."
	unbuilt := 0
	for _, a := range o.Accounts {
		if a.Unbuilt {
			unbuilt++
		}
	}
	if unbuilt > 0 {
		rest += fmt.Sprintf(" The index of %d of %d accounts is not built: does a scheduler run?", unbuilt, len(o.Accounts))
	}
	o.Sure = unbuilt == 0 && o.Unknown == ""
	switch {
	case o.NeedYou == 0 && !o.Sure:
		return "Whether something needs you is not known. " + rest
	case o.NeedYou == 0:
		return "Nothing needs you. " + rest
	case o.NeedYou == 1:
		return "1 thing needs you. " + rest
	default:
		return Grouped(o.NeedYou) + " things need you. " + rest
	}
}

// Grouped writes a number with a comma between thousands.
func Grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// ratesText are limits as the configuration has them: 60/m and 1000/d.
func ratesText(rates []rotation.Rate) string {
	texts := make([]string, len(rates))
	for i, r := range rates {
		unit, known := map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h", 24 * time.Hour: "d"}[r.Per]
		if !known {
			unit = r.Per.String()
		}
		texts[i] = fmt.Sprintf("%d/%s", r.Requests, unit)
	}
	return strings.Join(texts, " and ")
}
