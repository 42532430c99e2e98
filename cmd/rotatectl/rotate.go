package main

import (
	"errors"
	"os"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"keyturn/internal/operate"
)

func rotateCommand(o *options) *cobra.Command {
	r := &rotate{}
	cmd := &cobra.Command{
		Use:   "rotate ID... | rotate --all --account ACCOUNT | rotate --leaked ID... | rotate --leaked --stdin",
		Short: "rotate credentials now, through the queue",
		Long: "Rotate asks the workers to rotate the named credentials before any scheduled work. With --wait it follows them\n" +
			"and exits with status 1 unless every one was rotated. With --all it asks for every credential of an account, a\n" +
			"tenth slower than the account's rate, and stays until the last was asked for. A pair is not rotated within the grace\n" +
			"of its last rotation, for the sake of programs that cache, and nothing in a change freeze, unless --force says so.\n\n" +
			"With --leaked it makes the passwords worthless that Vault holds now, follows that to its end and then shows that\n" +
			"they are refused. A pair is rotated twice, the second time after --grace: until then the leaked password logs in,\n" +
			"and programs that cached it too. An identity of an overlap is retired as soon as consumers have another one.",
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
			if err := errors.Join(r.check(ids), checkFormat(r.format)); err != nil {
				return err
			}
			switch {
			case r.all:
				return r.runAll(cmd, o)
			case r.leaked:
				return r.runLeaked(cmd, o, ids)
			}
			return r.runSome(cmd, o, ids)
		}),
	}
	r.asking.flags(cmd)
	cmd.Flags().BoolVar(&r.all, "all", false, "every credential of --account")
	cmd.Flags().StringVar(&r.account, "account", "", "`ACCOUNT` that --all means")
	r.filing.flags(cmd)
	cmd.Flags().StringVar(&r.after, "after", "", "with --all, begin after this `ID`: where an earlier one was interrupted")
	cmd.Flags().BoolVar(&r.force, "force", false, "rotate what is frozen, and pairs within their grace: programs that cached the former password are refused")
	cmd.Flags().BoolVar(&r.leaked, "leaked", false, "the passwords that are in Vault have leaked: see to it that they do not log in any more")
	cmd.Flags().BoolVar(&r.stdin, "stdin", false, "with --leaked, read the ids from standard input, one a line")
	cmd.Flags().DurationVar(&r.grace, "grace", 0, "with --leaked, the time between the two rotations of a pair (default: timing.min_interval)")
	cmd.Flags().BoolVar(&r.yes, "yes", false, "with --all, do not ask for confirmation")
	return cmd
}

// rotate is what the command was asked to do.
type rotate struct {
	asking
	all, yes       bool
	force          bool
	leaked, stdin  bool
	grace          time.Duration
	account, after string
	filing
}

func (r *rotate) check(ids []string) error {
	var wrong string
	switch {
	case !r.all && (r.account != "" || r.after != "" || r.yes || r.owner != "" || len(r.labels) > 0):
		wrong = "--account, --owner, --label, --after and --yes go with --all"
	case !r.leaked && (r.stdin || r.grace != 0):
		wrong = "--stdin and --grace go with --leaked"
	case r.leaked && (r.all || r.force):
		wrong = "--leaked goes without --all and --force"
	case r.leaked && r.stdin != (len(ids) == 0):
		wrong = "--leaked needs ids, or --stdin instead"
	case !r.all && !r.leaked && len(ids) == 0:
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
