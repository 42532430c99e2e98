package main

import (
	"errors"
	"os"
	"os/user"

	"github.com/spf13/cobra"

	"keyturn/internal/operate"
)

func rotateCommand(o *options) *cobra.Command {
	r := &rotate{}
	cmd := &cobra.Command{
		Use:   "rotate ID... | rotate --all --account ACCOUNT",
		Short: "rotate credentials now, through the queue",
		Long: "Rotate asks the workers to rotate the named credentials before any scheduled work. With --wait it follows them\n" +
			"and exits with status 1 unless every one was rotated. With --all it asks for every credential of an account, a\n" +
			"tenth slower than the account's rate, and stays until the last was asked for. A pair is not rotated within the grace\n" +
			"of its last rotation, for the sake of programs that cache, unless --force says so.",
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
			if err := errors.Join(r.check(ids), checkFormat(r.format)); err != nil {
				return err
			}
			if r.all {
				return r.runAll(cmd, o)
			}
			return r.runSome(cmd, o, ids)
		}),
	}
	r.flags(cmd)
	cmd.Flags().BoolVar(&r.all, "all", false, "every credential of --account")
	cmd.Flags().StringVar(&r.account, "account", "", "`ACCOUNT` that --all means")
	cmd.Flags().StringVar(&r.after, "after", "", "with --all, begin after this `ID`: where an earlier one was interrupted")
	cmd.Flags().BoolVar(&r.force, "force", false, "rotate pairs within their grace too: programs that cached the former password are refused")
	cmd.Flags().BoolVar(&r.yes, "yes", false, "with --all, do not ask for confirmation")
	return cmd
}

// rotate is what the command was asked to do.
type rotate struct {
	asking
	all, yes       bool
	force          bool
	account, after string
}

func (r *rotate) check(ids []string) error {
	var wrong string
	switch {
	case !r.all && (r.account != "" || r.after != "" || r.yes):
		wrong = "--account, --after and --yes go with --all"
	case !r.all && len(ids) == 0:
		wrong = "requires at least 1 arg, or --all --account ACCOUNT"
	case r.all && r.force:
		wrong = "--force goes with the ids that it is about"
	case r.all && len(ids) > 0:
		wrong = "--all goes without ids"
	case r.all && r.account == "":
		wrong = "--all needs --account"
	default:
		return nil
	}
	return usageError{errors.New(wrong)}
}

func (r *rotate) runSome(cmd *cobra.Command, o *options, ids []string) error {
	cfg, err := o.load()
	if err != nil {
		return err
	}
	d, done, err := queueDesk(cmd, cfg, r.wait)
	if err != nil {
		return err
	}
	defer done()
	bar := newBar(len(ids), "rotating", r.wait && len(ids) > 1)
	request := r.request(cmd)
	request.Force = r.force
	if told := request.Tell; told != nil {
		request.Tell = func(v operate.Verdict) {
			_ = bar.Clear() // a terminal that is gone must not end the work
			told(v)
			if v.Ended() {
				_ = bar.Add(1)
			}
		}
	}
	verdicts, err := d.Rotate(cmd.Context(), ids, request)
	_ = bar.Clear()
	if err != nil {
		return err
	}
	return r.end(cmd.OutOrStdout(), verdicts...)
}

// requester is who asks, for people: user@host.
func requester() string {
	name, host := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}
