package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"keyturn/internal/observe"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
	"keyturn/internal/wiring"
)

// repairs are the commands for a credential that needs a person.
func repairs(o *options) []*cobra.Command {
	return []*cobra.Command{
		o.repair("release ID", "let a quarantined credential rotate again, with every candidate that it has",
			func(ctx context.Context, _ *cobra.Command, e *engine, cred *rotation.Credential) error {
				return e.Machine.Release(ctx, rotation.Subject{Credential: cred})
			}),
		o.repair("retry ID", "release a quarantined credential and rotate it now",
			func(ctx context.Context, _ *cobra.Command, e *engine, cred *rotation.Credential) error {
				if err := e.Machine.Release(ctx, rotation.Subject{Credential: cred}); err != nil && !errors.Is(err, rotation.ErrNotQuarantined) {
					return err
				}
				_, err := e.Client.Demand(ctx, cred.Account, queue.KindRotate, cred.ID, requester())
				return err
			}),
		o.repair("recover ID", "find the password that works, wherever it still stands, and promote it; else set a new one", recoverOne),
		o.repair("abandon ID", "close a rotation and forget its candidates; asks twice", abandon),
		checkCommand(o),
	}
}

// repair makes a command that acts on one credential with the state machine.
func (o *options) repair(use, short string, act func(context.Context, *cobra.Command, *engine, *rotation.Credential) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			creds, err := credentials(cfg, ids)
			if err != nil {
				return err
			}
			e, err := newEngine(cmd.Context(), cfg, vaultkv.ReadWrite)
			if err != nil {
				return err
			}
			defer e.close()
			if err := act(cmd.Context(), cmd, e, creds[0]); err != nil {
				return fmt.Errorf("%s: %w", creds[0].ID, err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s: done\n", creds[0].ID, cmd.Name())
			return err
		}),
	}
}

func checkCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "check ID", Short: "ask now whether the password in Vault works, and rotate if it does not", Args: cobra.ExactArgs(1),
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			creds, err := credentials(cfg, ids)
			if err != nil {
				return err
			}
			rdb, err := wiring.Redis(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer rdb.Close()
			if _, err := queue.NewClient(rdb).Demand(cmd.Context(), creds[0].Account, queue.KindCheck, creds[0].ID, requester()); err != nil {
				return fmt.Errorf("%s: %w", creds[0].ID, err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: check: done\n", creds[0].ID)
			return err
		}),
	}
}

// versionsAsked is how many earlier versions of what consumers read recover asks about.
const versionsAsked = 10

func recoverOne(ctx context.Context, _ *cobra.Command, e *engine, cred *rotation.Credential) error {
	s, err := e.subject(ctx, cred)
	if err != nil {
		return err
	}
	older, err := olderPasswords(ctx, e, cred)
	if err != nil {
		return err
	}
	slot, err := e.Client.Now(ctx)
	if err != nil {
		return err
	}
	result := e.Machine.Recover(ctx, s, rotation.Job{Slot: slot, Reason: rotation.ReasonDemand, RequestedBy: requester()}, older)
	if result.Status == rotation.Done {
		return nil
	}
	text := plain(fmt.Sprintf("%s: %v", result.Status, result.Err))
	if result.Status != rotation.Ended {
		text += "; a worker goes on with what is open"
	}
	return errors.New(text)
}

// olderPasswords are those of earlier versions of the journal and of current, the newest first.
func olderPasswords(ctx context.Context, e *engine, cred *rotation.Credential) ([]secret.Value, error) {
	records, err := e.vault.Versions(ctx, cred)
	if err != nil {
		return nil, err
	}
	var older []secret.Value
	for _, rec := range records {
		for i := len(rec.Candidates) - 1; i >= 0; i-- {
			older = append(older, rec.Candidates[i].Value)
		}
	}
	current, err := e.vault.Read(ctx, cred.Place)
	if err != nil {
		return nil, err
	}
	for version := current.Version - 1; version > 0 && version >= current.Version-versionsAsked; version-- {
		password, err := e.vault.Password(ctx, cred.Place, version)
		if err != nil {
			return nil, err
		}
		older = append(older, password)
	}
	return older, nil
}

var errNotAbandoned = errors.New("not abandoned")

// abandon asks twice, because one of the candidates may be the live password and nobody else holds it.
func abandon(ctx context.Context, cmd *cobra.Command, e *engine, cred *rotation.Credential) error {
	rec, err := e.vault.Load(ctx, cred)
	if err != nil {
		return err
	}
	if rec.State == rotation.Closed {
		return rotation.ErrNothingOpen
	}
	in, out := bufio.NewReader(cmd.InOrStdin()), cmd.OutOrStdout()
	id := cred.ID
	fmt.Fprintf(out, "The journal of %s holds %d candidates. One of them may be the live password; `recover` tries them all.\n", id, len(rec.Candidates))
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
			return errNotAbandoned
		}
	}
	return e.Machine.Abandon(ctx, rotation.Subject{Credential: cred})
}

func explainCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "explain ID", Short: "tell the story of a credential: where it stands, why, and what happens next", Args: cobra.ExactArgs(1),
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			creds, err := credentials(cfg, ids)
			if err != nil {
				return err
			}
			e, err := newEngine(cmd.Context(), cfg, vaultkv.ReadOnly)
			if err != nil {
				return err
			}
			defer e.close()
			return e.explain(cmd.Context(), cmd.OutOrStdout(), creds[0])
		}),
	}
}

func (e *engine) explain(ctx context.Context, out io.Writer, cred *rotation.Credential) error {
	rec, err := e.vault.Load(ctx, cred)
	if err != nil {
		return err
	}
	current, err := e.vault.Read(ctx, cred.Place)
	if err != nil {
		return err
	}
	breaker, err := e.Breaker.State(ctx, cred.Account)
	if err != nil {
		return err
	}
	r := newRow(cred, rec, current)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "%-12s %s\n", name, observe.Printable(fmt.Sprintf(format, args...)))
	}
	line("credential", "%s: %s at account %s, in Vault at %s:%s", cred.ID, cred.Target, cred.Account, cred.Place.Store, cred.Place.Path)
	line("state", "%s", r.State)
	if current.Version > 0 {
		line("current", "version %d, rotated %s, verified: %s, rotation %s", current.Version, when(r.RotatedAt), current.Verified, current.RotationID)
	} else {
		line("current", "nothing is in Vault yet")
	}
	if rec.Version > 0 {
		line("journal", "version %d, rotation %s (%s), slot %s, claimed %d times, last by %s at %s", rec.Version, rec.RotationID,
			rec.Reason, stamp(rec.Slot), rec.Attempt, rec.Owner, stamp(rec.TouchedAt))
	}
	for _, c := range rec.Candidates {
		line("candidate", "%d, since %s: %s", c.Number, stamp(c.At), candidateStory(c))
	}
	if rec.LostGenerations > 0 {
		line("lost", "%d passwords that the provider may have made and nobody holds", rec.LostGenerations)
	}
	if f := rec.LastError; f != nil {
		line("last answer", "%s: %s, request id %s, at %s", f.Kind, f.Code, f.RequestID, stamp(f.At))
	}
	if rec.Why != "" {
		line("quarantine", "since %s: %s", stamp(rec.Since), plain(rec.Why))
	}
	if breaker.Open {
		line("breaker", "open since %s: %s; next try at %s", stamp(breaker.Since), breaker.Cause, stamp(breaker.Next))
	}
	line("next", "%s", next(cred, rec, r))
	return nil
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

func candidateStory(c rotation.Candidate) string {
	switch c.State {
	case rotation.Staged:
		return "journalled; it may have been sent"
	case rotation.Doubtful:
		return "sent, and the outcome is not known"
	case rotation.Accepted:
		return "accepted by the provider"
	case rotation.Intent:
		return "a generation was asked for, and no answer is known"
	case rotation.Dead:
		return "the call made nothing"
	case rotation.RefusedByRule:
		return "refused by the provider's rule"
	}
	return "unknown"
}

// next says what happens without a person, or what a person can do.
func next(cred *rotation.Credential, rec rotation.Record, r row) string {
	switch {
	case rec.State == rotation.Quarantined:
		return "nothing, until somebody decides: `rotatectl recover " + cred.ID + "` tries every password that is known; `retry` goes on as it was"
	case rec.State == rotation.Open:
		return "a worker goes on with it, at the latest when nothing touched it for some seconds"
	case !rec.RecheckAt.IsZero() && rec.RecheckAt.After(rec.TouchedAt):
		return fmt.Sprintf("a check at %s, because a late call could have overtaken the last rotation; due %s", stamp(rec.RecheckAt), when(r.Due))
	case r.Note != "" && r.Due == nil:
		return r.Note
	default:
		return "due " + when(r.Due)
	}
}
