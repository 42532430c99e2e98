package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"keyturn/internal/policy"
	"keyturn/internal/providers/declared"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// trial is what provider try is asked for.
type trial struct {
	account, target, region, endpoint, sandbox, output string
	call, id                                           string // of a minter
	forReal                                            bool
}

func providerTry(o *options) *cobra.Command {
	var t trial
	cmd := &cobra.Command{
		Use:   "try FILE --target TARGET",
		Short: "make a call that a description describes, once, and show what its answer means",
		Long: `try makes one call of a description (docs/providers/declared.md) and shows what it found in the answer, what that means, and
what keyturn would do next. It calls the sandbox, which plays the file if it runs with -provider FILE; with --account, that
account's endpoint if it is on this machine; or the --endpoint that is named. The keys are those of --account, which the
sandbox does not get; without an account, their names in capitals.

The call changes a password: that of the target, to one that is shown nowhere. Of a minter, it makes an identity, which is
retired again at once, so that nothing is left; --call list lists those that were not, and --call retire retires one of them.
A host that is not this machine is called only with --account and --for-real.`,
		Args: cobra.ExactArgs(1),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			switch {
			case t.output != "text" && t.output != "json":
				return usageError{fmt.Errorf("-o %s: want text or json", t.output)}
			case t.target == "":
				return usageError{errors.New("provider try: want --target, which the call is about")}
			}
			d, err := declared.ReadFile(args[0])
			if err != nil {
				return usageError{err}
			}
			return t.run(cmd, o, args[0], d)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&t.account, "account", "", "account whose keys, region and time-out are used")
	flags.StringVar(&t.target, "target", "", "target whose password is changed, or which the identities are of")
	flags.StringVar(&t.call, "call", "", "of a minter: mint (default), list or retire")
	flags.StringVar(&t.id, "id", "", "of the identity that --call retire retires")
	flags.StringVar(&t.region, "region", "", "region, where no account says it")
	flags.StringVar(&t.endpoint, "endpoint", "", "base `URL` to call (default: the account's if it is on this machine, else the sandbox's)")
	flags.StringVar(&t.sandbox, "sandbox", "127.0.0.1:7500", "`HOST:PORT` at which the sandbox listens")
	flags.BoolVar(&t.forReal, "for-real", false, "call a host that is not this machine: the password there changes")
	flags.StringVarP(&t.output, "output", "o", "text", "text or json")
	return cmd
}

// tried is what provider try shows. It holds no secret.
type tried struct {
	Provider string            `json:"provider"`
	Call     string            `json:"call"`
	At       string            `json:"at"` // base URL
	Keys     string            `json:"keys"`
	Target   string            `json:"target"`
	Changes  string            `json:"changes"`
	Request  string            `json:"request"`
	Status   int               `json:"status,omitempty"`
	Looked   []declared.Looked `json:"looked"`
	Fields   []string          `json:"fields"`
	Row      int               `json:"row,omitempty"`
	Means    string            `json:"means"`
	Error    string            `json:"error,omitempty"`
	Next     string            `json:"next"`
	Left     *left             `json:"left,omitempty"` // of what a minter made
}

// run shows what will be sent, sends it, and shows what became of it.
func (t *trial) run(cmd *cobra.Command, o *options, file string, d *declared.Description) error {
	p := d.Provider()
	target, err := p.CheckTarget(t.target)
	if err != nil {
		return usageError{fmt.Errorf("--target: %w", err)}
	}
	if err := t.choose(p); err != nil {
		return usageError{err}
	}
	settings, whose, err := t.settings(cmd, o, file, target, p)
	if err != nil {
		return err
	}
	attempt, err := t.attempt(p, target)
	if err != nil {
		return err
	}
	shown := tried{Provider: p.Code, Call: d.Op(t.call), At: settings.Endpoint, Keys: whose, Target: target, Changes: changes(p.Mode, attempt)}
	if shown.Request, err = d.Preview(cmd.Context(), settings.Endpoint, settings.Region, attempt); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if t.output == "text" {
		shown.before(out)
	}
	try := d.Try
	if t.call == declared.CallRetire {
		if err := ours(cmd.Context(), d, settings, attempt); err != nil {
			return err
		}
		try = func(ctx context.Context, s rotation.Settings, a declared.Attempt) (declared.Trial, error) {
			return patiently(ctx, d, s, a)
		}
	}
	result, err := try(cmd.Context(), settings, attempt)
	if err != nil {
		return usageError{err}
	}
	shown.note(&result, p, t.call)
	if t.call == declared.CallMint {
		shown.Left = t.tidy(cmd.Context(), file, d, settings, attempt, &result)
	}
	if t.output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(shown)
	} else {
		shown.after(out, file)
	}
	switch {
	case err == nil && result.Err != nil:
		return &failedError{errors.New("no success")}
	case err == nil && shown.Left != nil && shown.Left.Then != "":
		return &failedError{errors.New("what was made was not retired")}
	}
	return err
}

// fresh makes a password for a provider that takes one.
func fresh(p rotation.Provider) (secret.Value, error) {
	if p.Mode != rotation.ModeSetter {
		return secret.Value{}, nil
	}
	made, err := policy.Resolve(p.Rule, policy.Spec{})
	if err != nil {
		return secret.Value{}, err
	}
	return made.Generate(rand.Reader)
}

// changes says what a call does.
func changes(mode rotation.Mode, a declared.Attempt) string {
	switch mode {
	case rotation.ModeMinter:
		return changesOf(a)
	case rotation.ModeIssuer:
		return "changes the password of " + a.Target + " there, to one that the provider makes and that is shown nowhere"
	default:
		return "changes the password of " + a.Target + " there, to one that keyturn makes and that is shown nowhere"
	}
}

// before says what is about to happen.
func (s *tried) before(out io.Writer) {
	fmt.Fprintf(out, "calls   %s, %s\nat      %s\nkeys    %s\n%s\nsends\n  %s\n\n",
		s.Provider, s.Call, s.At, s.Keys, s.Changes, strings.ReplaceAll(s.Request, "\n", "\n  "))
}

// next is what the state machine does after an answer, as docs/providers/README.md has it.
var next = map[rotation.Kind]string{
	rotation.InDoubt:      "keeps the candidate, backs off, sends the same one again",
	rotation.NotSent:      "tries again; nothing reached the provider",
	rotation.RateLimited:  "waits as long as the provider says; costs no attempt",
	rotation.Repeat:       "on a first send takes a new candidate; on a resume it proves that the lost call landed",
	rotation.Rejected:     "takes a new candidate; quarantine after three",
	rotation.Unauthorized: "opens the account's breaker: one alert, the account's queue pauses",
	rotation.Target:       "puts the credential into quarantine",
	rotation.ClockSkew:    "makes the worker unready until its clock is right",
}

// note takes over what became of the call.
func (s *tried) note(t *declared.Trial, p rotation.Provider, call string) {
	s.Status, s.Looked, s.Fields, s.Row = t.Status, t.Looked, t.Fields, t.Row
	s.Means, s.Next = "success", afterSuccess[call]
	if p.NoLogin {
		s.Next = strings.TrimPrefix(s.Next, verifies)
	}
	if t.Err != nil {
		e := rotation.AsError(t.Err)
		s.Means, s.Error, s.Next = e.Kind.String(), t.Err.Error(), nextOf(call, e.Kind)
	}
	look := func(what string, found bool) { s.Looked = append(s.Looked, declared.Looked{What: what, Found: found}) }
	if p.Mode == rotation.ModeIssuer || call == declared.CallMint {
		if look("shows a password", t.Shown); t.Shown {
			look("shows that it is live", t.Synced)
		}
	}
	switch call {
	case declared.CallMint:
		look("shows an identity", t.ID != "")
	case declared.CallList:
		look(fmt.Sprintf("lists %d identities", t.Items), t.Err == nil)
		for _, id := range t.IDs {
			look("lists "+id, true)
		}
	}
}

// after says what became of it.
func (s *tried) after(out io.Writer, file string) {
	if s.Status == 0 {
		fmt.Fprintln(out, "answer  none")
	} else {
		fmt.Fprintf(out, "answer  HTTP %d, with the fields %s\n", s.Status, strings.Join(s.Fields, ", "))
		for _, one := range s.Looked {
			fmt.Fprintf(out, "  %-4s%s\n", map[bool]string{true: "yes", false: "no"}[one.Found], one.What)
		}
	}
	if s.Row != 0 {
		fmt.Fprintf(out, "row     %s:%d\n", file, s.Row)
	}
	fmt.Fprintf(out, "means   %s\n", s.Means)
	if s.Error != "" {
		fmt.Fprintf(out, "error   %s\n", s.Error)
	}
	fmt.Fprintf(out, "keyturn %s\n", s.Next)
	if s.Left != nil {
		s.Left.print(out)
	}
}
