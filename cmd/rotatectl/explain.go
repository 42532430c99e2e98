package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keyturn/internal/observe"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
)

func explainCommand(o *options) *cobra.Command {
	format := ""
	cmd := &cobra.Command{
		Use: "explain ID", Short: "tell the story of a credential: where it stands, why, and what happens next", Args: cobra.ExactArgs(1),
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			cfg, err := o.knowing(ids[0])
			if err != nil {
				return err
			}
			d, done, err := vaultDesk(cmd, cfg)
			if err != nil {
				return err
			}
			defer done()
			story, err := d.Explain(cmd.Context(), ids[0])
			if err != nil {
				return err
			}
			if format == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(story)
			}
			printStory(cmd.OutOrStdout(), story)
			return nil
		}),
	}
	formatFlag(cmd, &format)
	return cmd
}

func printStory(out io.Writer, s operate.Story) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "%-12s %s\n", name, observe.Printable(fmt.Sprintf(format, args...)))
	}
	line("credential", "%s: %s at account %s, in Vault at %s:%s", s.Credential, s.Target, s.Account, s.Store, s.Path)
	if s.Owner != "" {
		line("owner", "%s", s.Owner)
	}
	if len(s.Labels) > 0 {
		line("labels", "%s", labelsText(s.Labels))
	}
	line("state", "%s", s.State)
	if s.Note != "" && s.State != operate.Quarantined {
		line("note", "%s", s.Note)
	}
	if s.Version > 0 {
		line("current", "version %d, rotated %s, verified: %s, rotation %s", s.Version, when(s.RotatedAt), s.Verified, s.RotationID)
	} else {
		line("current", "nothing is in Vault yet")
	}
	if s.Pair != nil {
		line("pair", "%s", turnsText(s.Pair))
	}
	if f := s.Overlap; f != nil {
		line("identity", "%s", identitiesText(f))
	}
	if s.Checked != nil {
		line("checked", "%s: %s", stamp(s.Checked.At), s.Checked.Verdict)
	}
	printRotation(line, s)
	if b := s.Breaker; b != nil {
		line("breaker", "open since %s: %s; next try at %s", stamp(b.Since), b.Cause, stamp(b.Next))
	}
	for _, text := range pauses(s.Account, s.Hold) {
		line("paused", "%s", text)
	}
	if s.Frozen != nil {
		line("frozen", "%s", freezeText(*s.Frozen))
	}
	for _, u := range s.Untold {
		line("not told", "%s: events that wait: %d, given up: %d", u.To, u.Waiting, u.GivenUp)
	}
	if s.Unknown != "" {
		line("not known", "%s", s.Unknown)
	}
	line("next", "%s", nextText(s))
}

// printRotation shows what the journal says of the rotation that is open or was the last.
func printRotation(line func(name, format string, args ...any), s operate.Story) {
	if j := s.Journal; j != nil {
		reason := j.Reason
		if j.AskedBy != "" {
			reason += ", asked for by " + j.AskedBy
		}
		line("journal", "version %d, rotation %s (%s), slot %s, claimed %d times, last by %s at %s", j.Version, j.RotationID,
			reason, stamp(j.Slot), j.Claims, j.Owner, stamp(j.TouchedAt))
	}
	for _, d := range s.Differs {
		line("differs", "%s: the open rotation is about %q, the configuration says %q", d.Field, d.Journal, d.Configuration)
	}
	for _, c := range s.Candidates {
		line("candidate", "%d, since %s: %s", c.Number, stamp(c.At), c.Story)
	}
	if s.Journal != nil && s.Journal.Lost > 0 {
		line("lost", "%d passwords that the provider may have made and keyturn never received", s.Journal.Lost)
	}
	if f := s.LastAnswer; f != nil {
		line("last answer", "%s: %s, request id %s, at %s", f.Kind, f.Code, f.RequestID, stamp(f.At))
	}
	if j := s.Journal; j != nil && j.Why != "" {
		line("quarantine", "since %s: %s", stamp(j.Since), j.Why)
	}
}

// turnsText says whose turn it is.
func turnsText(t *operate.Turns) string {
	switch {
	case t.Next == "":
		return "the secret names neither of the two targets: `rotatectl adopt --target` says which one its password is of"
	case t.InUse == "":
		return "the first rotation changes " + t.Next
	case t.GraceEnds != nil:
		return fmt.Sprintf("programs use %s; the next rotation changes %s, and none starts before %s: programs may use what they cached", t.InUse, t.Next, stamp(*t.GraceEnds))
	default:
		return fmt.Sprintf("programs use %s; the next rotation changes %s", t.InUse, t.Next)
	}
}

// pauses are those that a provider or a person caused at an account.
func pauses(account string, h operate.Hold) []string {
	var all []string
	if h.Paused != nil {
		all = append(all, fmt.Sprintf("all calls of account %[1]s wait until %[2]s: its provider asked for it (`rotatectl unpause %[1]s` ends that)", account, stamp(*h.Paused)))
	}
	if h.Stopped {
		all = append(all, fmt.Sprintf("a queue of account %s is %s", account, queue.ErrPaused))
	}
	return all
}

func nextText(s operate.Story) string {
	text := s.Next.Text
	if s.Next.At != nil {
		text += ": " + when(s.Next.At)
	}
	var do []string
	for _, name := range s.Next.Do {
		do = append(do, fmt.Sprintf("`rotatectl %s %s`", name, s.Credential))
	}
	if len(do) > 0 {
		text += ": " + strings.Join(do, ", ")
	}
	return text
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// identitiesText says which identities there are beside the one that programs use.
func identitiesText(f *operate.Following) string {
	text := cmp.Or(f.InUse, "none is in use")
	for _, w := range f.Waiting {
		what := "retired"
		if w.Disabled {
			what = "disabled, and deleted"
		}
		text += fmt.Sprintf("; %s is %s at %s", w.Identity, what, stamp(w.NotBefore))
	}
	if len(f.Kept) > 0 {
		text += fmt.Sprintf("; %d that were there before are kept", len(f.Kept))
	}
	return text
}
