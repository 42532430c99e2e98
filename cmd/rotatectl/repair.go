package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"keyturn/internal/operate"
	"keyturn/internal/vaultkv"
)

// repairs are the commands for a credential that needs a person.
func repairs(o *options) []*cobra.Command {
	return []*cobra.Command{
		o.repair("release ID", "let a quarantined credential rotate again, with every candidate that it has", false,
			func(cmd *cobra.Command, d *operate.Desk, id string, r operate.Request) (operate.Verdict, error) {
				return d.Release(cmd.Context(), id, r)
			}),
		o.repair("retry ID", "release a quarantined credential and rotate it now", true,
			func(cmd *cobra.Command, d *operate.Desk, id string, r operate.Request) (operate.Verdict, error) {
				return d.Retry(cmd.Context(), id, r)
			}),
		o.repair("recover ID", "find the password that works, wherever it still stands, and promote it; else set a new one", true,
			func(cmd *cobra.Command, d *operate.Desk, id string, r operate.Request) (operate.Verdict, error) {
				return d.Recover(cmd.Context(), id, r)
			}),
		o.repair("abandon ID", "close a rotation and forget its candidates; asks twice", false, abandon),
		checkCommand(o),
	}
}

// repair makes a command that acts on one credential with the state machine. With waits it may go on for some time.
func (o *options) repair(use, short string, waits bool, act func(*cobra.Command, *operate.Desk, string, operate.Request) (operate.Verdict, error)) *cobra.Command {
	a := &asking{}
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
			if err := checkFormat(a.format); err != nil {
				return err
			}
			cfg, err := o.load()
			if err != nil {
				return err
			}
			if _, err := credentials(cfg, ids); err != nil {
				return err
			}
			e, err := newEngine(cmd.Context(), cfg, vaultkv.ReadWrite)
			if err != nil {
				return err
			}
			defer e.close()
			v, err := act(cmd, e.desk, ids[0], a.request(cmd))
			if err != nil {
				return err
			}
			if cmd.Name() == "recover" && !v.Good() {
				a.wait = true // it acts itself: what it did not reach it has not done
			}
			return a.end(cmd.OutOrStdout(), v)
		}),
	}
	if waits {
		a.flags(cmd)
	} else {
		formatFlag(cmd, &a.format)
	}
	return cmd
}

func checkCommand(o *options) *cobra.Command {
	a := &asking{}
	cmd := &cobra.Command{
		Use: "check ID", Short: "ask now whether the password in Vault works, and rotate if it does not", Args: cobra.ExactArgs(1),
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
			if err := checkFormat(a.format); err != nil {
				return err
			}
			cfg, err := o.load()
			if err != nil {
				return err
			}
			if _, err := credentials(cfg, ids); err != nil {
				return err
			}
			d, done, err := queueDesk(cmd, cfg, a.wait)
			if err != nil {
				return err
			}
			defer done()
			v, err := d.Check(cmd.Context(), ids[0], a.request(cmd))
			if err != nil {
				return err
			}
			return a.end(cmd.OutOrStdout(), v)
		}),
	}
	a.flags(cmd)
	return cmd
}

var errNotAbandoned = errors.New("not abandoned")

// abandon asks twice, because one of the candidates may be the live password and nobody else holds it.
func abandon(cmd *cobra.Command, d *operate.Desk, id string, r operate.Request) (operate.Verdict, error) {
	candidates, err := d.AbandonCosts(cmd.Context(), id)
	if err != nil {
		return operate.Verdict{}, err
	}
	in, out := bufio.NewReader(cmd.InOrStdin()), cmd.ErrOrStderr()
	if r.Tell != nil {
		out = cmd.OutOrStdout()
	}
	fmt.Fprintf(out, "The journal of %s holds %d candidates. One of them may be the live password; `recover` tries them all.\n", id, candidates)
	for _, q := range []struct{ ask, want string }{
		{"Forget them? Type yes: ", "yes"},
		{"Really? Type the credential's id: ", id},
	} {
		fmt.Fprint(out, q.ask)
		answer, err := in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return operate.Verdict{}, err
		}
		if answer != q.want+"\n" && answer != q.want {
			return operate.Verdict{}, fmt.Errorf("%s: %w", id, errNotAbandoned)
		}
	}
	return d.Abandon(cmd.Context(), id, r)
}
