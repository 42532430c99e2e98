package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/observe"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// runAll rotates every credential of an account.
func (r *rotate) runAll(cmd *cobra.Command, o *options) error {
	cfg, err := o.load()
	if err != nil {
		return err
	}
	creds, err := operate.For(cfg, rotation.WallClock{}).Select(operate.Query{Accounts: []string{r.account}, After: r.after})
	if err != nil {
		return flagged(err)
	}
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	if r.format == "json" {
		out = cmd.ErrOrStderr() // the estimate and the question are for people
	}
	rdb, err := app.Redis(ctx, cfg)
	if err != nil {
		return err
	}
	defer rdb.Close()
	client, clock := queue.NewClient(rdb), rotation.WallClock{}
	e, err := estimate(ctx, cfg.Accounts[r.account], creds, due.NewIndex(rdb), client, queue.NewBreaker(rdb, nil))
	if err != nil {
		return err
	}
	if err := e.print(out); err != nil {
		return err
	}
	b := &bulk{queue: client, clock: clock, account: r.account, creds: creds, total: e.total, pace: e.pace, wait: r.wait}
	if e.total == 0 {
		return r.sum(cmd, b, 0)
	}
	if e.wantsConsent() && !r.yes {
		if err := consent(cmd.InOrStdin(), out, e); err != nil {
			return err
		}
	}
	bar := newBar(e.total, "rotating", true)
	defer bar.Clear()                                                      //nolint:errcheck // what it showed is over
	b.idle = max(r.timeout, time.Duration(10/e.pace*float64(time.Second))) // a slow account may move less often
	b.moved = func(n int) { _ = bar.Add(n) }                               // a terminal that is gone must not end the work
	begun := clock.Now()
	err = b.run(ctx)
	_ = bar.Clear()
	return errors.Join(r.sum(cmd, b, clock.Now().Sub(begun)), err)
}

// summed is what became of a bulk. Its JSON is part of the command's interface.
type summed struct {
	Account     string  `json:"account"`
	Credentials int     `json:"credentials"`
	Asked       int     `json:"asked"`
	Rotated     int     `json:"rotated"`
	Failed      int     `json:"failed"`
	Open        int     `json:"open"`
	Last        string  `json:"last,omitempty"` // that was asked for: where --after goes on
	Seconds     float64 `json:"seconds"`
}

// sum prints what became of a bulk.
func (r *rotate) sum(cmd *cobra.Command, b *bulk, took time.Duration) error {
	if r.format == "json" {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(summed{
			Account: b.account, Credentials: b.total, Asked: b.asked, Rotated: b.rotated, Failed: b.failed, Open: len(b.open), Last: b.last,
			Seconds: took.Seconds(),
		})
	}
	if b.total == 0 {
		return nil // the estimate said it
	}
	return b.print(cmd.OutOrStdout(), took)
}

// print sums up.
func (b *bulk) print(out io.Writer, took time.Duration) error {
	text := fmt.Sprintf("%d of %d asked for, %d rotated so far", b.asked, b.total, b.rotated)
	if b.wait {
		text = fmt.Sprintf("%d of %d rotated in %s", b.rotated, b.total, about(took))
	}
	if b.failed > 0 {
		text += fmt.Sprintf(", %d not", b.failed)
	}
	_, err := fmt.Fprintf(out, "%s: %s\n", b.account, text)
	return err
}

// estimated is what a bulk will be like.
type estimated struct {
	account    *config.Account
	total      int
	perCall    time.Duration // the account's rate
	calls      int           // of all rotations together
	pace       float64       // rotations a second
	urgent     int           // jobs that go first
	others     int           // jobs that wait and have the rest of the rate
	unrotated  int           // were never rotated and wait for a person
	quarantine int           // at the account
	built      bool          // the index knows about the two above
	breaker    queue.BreakerState
}

func estimate(ctx context.Context, a *config.Account, creds iter.Seq[*rotation.Credential], index *due.Index, client *queue.Client, breaker *queue.Breaker) (e estimated, err error) {
	e.account = a
	if e.perCall, err = spacing(a); err != nil {
		return e, err
	}
	counts, err := index.Counts(ctx, a.Name)
	if err != nil {
		return e, err
	}
	e.built, e.quarantine = counts[0].Built, counts[0].Quarantined
	depths, err := client.Depths(ctx, a.Name)
	if err != nil {
		return e, err
	}
	for _, d := range depths {
		if n := d.Pending + d.Active + d.Scheduled + d.Retry; d.Urgent {
			e.urgent += n
		} else {
			e.others += n
		}
	}
	if e.breaker, err = breaker.State(ctx, a.Name); err != nil {
		return e, err
	}
	err = eachStanding(ctx, index, creds, func(cred *rotation.Credential, s due.Standing) {
		e.total++
		e.calls += callsOf(cred)
		if cred.First == rotation.FirstManual && s == (due.Standing{}) {
			e.unrotated++
		}
	})
	if e.calls > 0 {
		e.pace = share / e.perCall.Seconds() * float64(e.total) / float64(e.calls)
	}
	return e, err
}

// standingsAtOnce is how many credentials one round trip asks the index about.
const standingsAtOnce = 1000

// eachStanding goes over what the index says of each of creds.
func eachStanding(ctx context.Context, index *due.Index, creds iter.Seq[*rotation.Credential], fn func(*rotation.Credential, due.Standing)) error {
	some := make([]*rotation.Credential, 0, standingsAtOnce)
	flush := func() error {
		found, err := index.Look(ctx, some)
		if err != nil {
			return err
		}
		for i, s := range found {
			fn(some[i], s)
		}
		some = some[:0]
		return nil
	}
	for cred := range creds {
		if some = append(some, cred); len(some) == cap(some) {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(some) == 0 {
		return nil
	}
	return flush()
}

func (e estimated) print(out io.Writer) error {
	name := e.account.Name
	if e.total == 0 {
		_, err := fmt.Fprintf(out, "%s: there is nothing to rotate\n", name)
		return err
	}
	fmt.Fprintf(out, "%s: %d credentials, %s at %s\n", name, e.total, about(e.takes()), perUnit(e.pace))
	line := func(what, format string, args ...any) {
		fmt.Fprintf(out, "  %-11s%s\n", what, observe.Printable(fmt.Sprintf(format, args...)))
	}
	line("rate", "%s calls, %s for each rotation; a tenth is left to other work", perUnit(1/e.perCall.Seconds()), digits(float64(e.calls)/float64(e.total)))
	line("queue", "%d urgent jobs wait or run and go first, and %d others", e.urgent, e.others)
	switch {
	case !e.built:
		line("waiting", "not known, because the index is not built: no scheduler has run yet")
	case e.unrotated > 0:
		line("waiting", "%d were never rotated: their programs must read from Vault by now", e.unrotated)
	}
	if e.quarantine > 0 {
		line("quarantine", "%d at this account, which will not be rotated", e.quarantine)
	}
	if e.breaker.Open {
		line("breaker", "open since %s: %s", stamp(e.breaker.Since), e.breaker.Cause)
	}
	return nil
}

func (e estimated) takes() time.Duration {
	return time.Duration(float64(e.total+e.urgent) / e.pace * float64(time.Second))
}

// manyAtOnce is how many rotations are more than one asks for in passing.
const manyAtOnce = 100

// wantsConsent tells whether what is about to happen may surprise.
func (e estimated) wantsConsent() bool { return e.total > manyAtOnce || e.unrotated > 0 || !e.built }

var errNoConsent = errors.New("nothing was asked for: confirm with yes, or give --yes")

func consent(in io.Reader, out io.Writer, e estimated) error {
	fmt.Fprintf(out, "Rotate %d credentials? Type yes: ", e.total)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if answer != "yes\n" && answer != "yes" {
		return errNoConsent
	}
	return nil
}
