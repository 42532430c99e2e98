package main

import (
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
	forReal                                            bool
}

func providerTry(o *options) *cobra.Command {
	var t trial
	cmd := &cobra.Command{
		Use:   "try FILE --target TARGET",
		Short: "make the call that a description describes, once, and show what its answer means",
		Long: `try makes the one call of a description (docs/providers/declared.md) and shows what it found in the answer, what that means, and
what keyturn would do next. It calls the sandbox, which plays the file if it runs with -provider FILE; with --account, that
account's endpoint if it is on this machine; or the --endpoint that is named. The keys are those of --account, which the
sandbox does not get; without an account, their names in capitals.

The call changes a password: that of the target, to one that is shown nowhere. A host that is not this machine is called only
with --account and --for-real.`,
		Args: cobra.ExactArgs(1),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			switch {
			case t.output != "text" && t.output != "json":
				return usageError{fmt.Errorf("-o %s: want text or json", t.output)}
			case t.target == "":
				return usageError{errors.New("provider try: want --target, whose password is changed")}
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
	flags.StringVar(&t.target, "target", "", "target whose password is changed")
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
	Request  string            `json:"request"`
	Status   int               `json:"status,omitempty"`
	Looked   []declared.Looked `json:"looked"`
	Fields   []string          `json:"fields"`
	Row      int               `json:"row,omitempty"`
	Means    string            `json:"means"`
	Error    string            `json:"error,omitempty"`
	Next     string            `json:"next"`
}

// run shows what will be sent, sends it, and shows what became of it.
func (t *trial) run(cmd *cobra.Command, o *options, file string, d *declared.Description) error {
	p := d.Provider()
	if p.Mode == rotation.ModeMinter {
		return usageError{errors.New("a minter's calls cannot be tried yet: `rotatectl provider check` runs the examples")}
	}
	target, err := p.CheckTarget(t.target)
	if err != nil {
		return usageError{fmt.Errorf("--target: %w", err)}
	}
	settings, whose, err := t.settings(cmd, o, file, target, p)
	if err != nil {
		return err
	}
	shown := tried{Provider: p.Code, Call: p.Call, At: settings.Endpoint, Keys: whose, Target: target}
	if shown.Request, err = d.Preview(cmd.Context(), settings.Endpoint, settings.Region, target); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if t.output == "text" {
		shown.before(out, p.Mode)
	}
	password, err := fresh(p)
	if err != nil {
		return err
	}
	result, err := d.Try(cmd.Context(), settings, target, password)
	if err != nil {
		return usageError{err}
	}
	shown.note(&result, p.Mode)
	if t.output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(shown)
	} else {
		shown.after(out, file)
	}
	if err == nil && result.Err != nil {
		return &failedError{errors.New("no success")}
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

// before says what is about to happen.
func (s *tried) before(out io.Writer, mode rotation.Mode) {
	change := "one that keyturn makes"
	if mode == rotation.ModeIssuer {
		change = "one that the provider makes"
	}
	fmt.Fprintf(out, "calls   %s, %s\nat      %s\nkeys    %s\nchanges the password of %s there, to %s and that is shown nowhere\nsends\n  %s\n\n",
		s.Provider, s.Call, s.At, s.Keys, s.Target, change, strings.ReplaceAll(s.Request, "\n", "\n  "))
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
func (s *tried) note(t *declared.Trial, mode rotation.Mode) {
	s.Status, s.Looked, s.Fields, s.Row = t.Status, t.Looked, t.Fields, t.Row
	s.Means, s.Next = "success", "verifies the password where it logs in, then promotes it"
	if t.Err != nil {
		e := rotation.AsError(t.Err)
		s.Means, s.Error, s.Next = e.Kind.String(), t.Err.Error(), next[e.Kind]
	}
	switch {
	case mode != rotation.ModeIssuer:
	case !t.Shown:
		s.Looked = append(s.Looked, declared.Looked{What: "shows a password"})
	default:
		s.Looked = append(s.Looked, declared.Looked{What: "shows a password", Found: true}, declared.Looked{What: "shows that it is live", Found: t.Synced})
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
}
