package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"keyturn/internal/operate"
)

// repairs are the commands for a credential that needs a person.
func repairs(o *options) []*cobra.Command {
	return []*cobra.Command{
		o.repair("release ID", "let a quarantined credential rotate again, with every candidate that it has", (*operate.Desk).Release),
		o.repair("retry ID", "release a quarantined credential and rotate it now", (*operate.Desk).Retry),
		o.repair("recover ID", "find the password that works, wherever it still stands, and promote it; else set a new one", (*operate.Desk).Recover),
		o.repair("abandon ID", "close a rotation and forget its candidates; asks twice", (*operate.Desk).Abandon),
		checkCommand(o),
		retireCommand(o),
	}
}

// repair makes a command that acts on one credential.
func (o *options) repair(use, short string, act func(*operate.Desk, context.Context, string, operate.Request) (operate.Verdict, error)) *cobra.Command {
	a, byWorker := &asking{}, false
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
			if err := checkFormat(a.format); err != nil {
				return err
			}
			cfg, err := o.knowing(ids[0])
			if err != nil {
				return err
			}
			desk := ownDesk
			if byWorker {
				desk = redisDesk
			}
			d, done, err := desk(cmd, cfg)
			if err != nil {
				return err
			}
			defer done()
			r := a.request(cmd)
			if cmd.Name() == "abandon" {
				if err := confirm(cmd, d, ids[0], r); err != nil {
					return err
				}
			}
			v, err := act(d, cmd.Context(), ids[0], r)
			if err != nil {
				return err
			}
			if cmd.Name() == "recover" && !byWorker && !v.Good() {
				a.wait = true // it acts itself: what it did not reach it has not done
			}
			return a.end(cmd.OutOrStdout(), v)
		}),
	}
	a.flags(cmd)
	cmd.Flags().BoolVar(&byWorker, "by-worker", false, "have a worker do it: rotatectl then needs no rights in Vault")
	return cmd
}

func checkCommand(o *options) *cobra.Command {
	a := &asking{}
	cmd := o.wishOf(a, "check ID", "ask now whether the password in Vault works, and rotate if it does not", (*operate.Desk).Check)
	a.flags(cmd)
	return cmd
}

func retireCommand(o *options) *cobra.Command {
	a, now, hold := &asking{}, false, false
	cmd := o.wishOf(a, "retire ID", "take away the identities of an overlap that are of no use any more",
		func(d *operate.Desk, ctx context.Context, id string, r operate.Request) (operate.Verdict, error) {
			if hold {
				return d.HoldOn(ctx, id, r)
			}
			r.Force = now
			return d.Retire(ctx, id, r)
		})
	a.flags(cmd)
	cmd.Flags().BoolVar(&hold, "hold", false, "take none away: those that wait stay for another grace, from now")
	cmd.Flags().BoolVar(&now, "now", false, "do not wait for the grace: programs that still use one of them are refused")
	cmd.MarkFlagsMutuallyExclusive("now", "hold")
	return cmd
}

// wishOf makes a command that asks a worker for something about one credential.
func (o *options) wishOf(a *asking, use, short string, ask func(*operate.Desk, context.Context, string, operate.Request) (operate.Verdict, error)) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
			if err := checkFormat(a.format); err != nil {
				return err
			}
			cfg, err := o.knowing(ids[0])
			if err != nil {
				return err
			}
			d, done, err := queueDesk(cmd, cfg, a.wait)
			if err != nil {
				return err
			}
			defer done()
			v, err := ask(d, cmd.Context(), ids[0], a.request(cmd))
			if err != nil {
				return err
			}
			return a.end(cmd.OutOrStdout(), v)
		}),
	}
}

var errNotAbandoned = errors.New("not abandoned")

// confirm asks twice before a rotation is abandoned, because one of the candidates may be the live password, and
// no other copy exists.
func confirm(cmd *cobra.Command, d *operate.Desk, id string, r operate.Request) error {
	costs := fmt.Sprintf("The journal of %s may hold candidates.", id)
	switch candidates, err := d.AbandonCosts(cmd.Context(), id); {
	case err == nil:
		costs = fmt.Sprintf("The journal of %s holds %d candidates.", id, candidates)
	case operate.KindOf(err) != operate.Unable:
		return err
	}
	in, out := bufio.NewReader(cmd.InOrStdin()), cmd.ErrOrStderr()
	if r.Tell != nil {
		out = cmd.OutOrStdout()
	}
	fmt.Fprintf(out, "%s One of them may be the live password; `recover` tries them all.\n", costs)
	for _, q := range []struct{ ask, want string }{
		{"Forget them? Type yes: ", "yes"},
		{"Really? Type the credential's id: ", id},
	} {
		fmt.Fprint(out, q.ask)
		answer, err := in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if answer != q.want+"\n" && answer != q.want {
			return fmt.Errorf("%s: %w", id, errNotAbandoned)
		}
	}
	return nil
}
