package operate

import (
	"context"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// verdict is what became of a wish by the outcome of its job; false where it has not ended.
func (d *Desk) verdict(ctx context.Context, w *wish) (Verdict, bool) {
	v, ended := w.outcome()
	switch {
	case !ended:
	case v.Outcome == Served && w.kind == queue.KindCheck:
		return d.checked(ctx, w)
	case v.Outcome == Stopped:
		v.Why = d.whyStopped(ctx, w.cred)
	}
	return v, ended
}

// outcome is verdict by what Redis alone tells.
func (w *wish) outcome() (Verdict, bool) {
	if w.kind == "" || !w.last.Final {
		return Verdict{}, false
	}
	switch w.last.Status {
	case rotation.Done.String():
		return w.verdict(w.good(w.last.Rotated), "", w.last.At), true
	case rotation.Ended.String():
		return w.verdict(Stopped, "", w.last.At), true
	}
	return w.verdict(Failed, Plain(w.last.Status+": "+w.last.Text), w.last.At), true
}

// good is the outcome of a wish that was done.
func (w *wish) good(rotated bool) Outcome {
	switch {
	case rotated:
		return Rotated
	case w.act == queue.KindRelease:
		return Released
	case w.act == queue.KindAbandon:
		return Abandoned
	case w.act == queue.KindRecover:
		return Works
	case w.kind == queue.KindRetire:
		return Retired
	case w.kind == queue.KindHold:
		return Held
	}
	return Served
}

// whyStopped is the reason of a quarantine, if Vault can be asked.
func (d *Desk) whyStopped(ctx context.Context, cred *rotation.Credential) string {
	if d.Truth == nil {
		return ""
	}
	rec, err := d.Truth.Load(ctx, cred)
	if err != nil {
		return ""
	}
	return Plain(rec.Why)
}

// checked is what a check found that ended without a rotation of its own. A password that was refused is followed until
// the rotation that the check asked for has ended.
func (d *Desk) checked(ctx context.Context, w *wish) (Verdict, bool) {
	at := w.last.At
	checks, err := d.Index.Checks(ctx, []*rotation.Credential{w.cred})
	if err != nil {
		return Verdict{}, false // Redis is away, and is asked again
	}
	switch c := checks[0]; {
	case c.At.Before(w.slot):
		return w.verdict(Unchecked, d.whyUnchecked(ctx, w.cred), at), true
	case c.Verdict == rotation.Works:
		return w.verdict(Works, "", at), true
	case c.Verdict != rotation.Refused:
		return w.verdict(Unchecked, verdictNames[c.Verdict], at), true
	case d.Truth == nil:
		return w.verdict(Wrong, "", at), true
	}
	w.kind, w.by.after = "", true
	w.last = queue.Outcome{Status: string(Wrong), Text: "refused: the rotation that the check asked for has not ended", At: at}
	return Verdict{}, false
}

// whyUnchecked says why a check did not ask a verifier.
func (d *Desk) whyUnchecked(ctx context.Context, cred *rotation.Credential) string {
	if cred.Verify.Mode == rotation.VerifyOff {
		return "verification is off"
	}
	if d.Truth == nil {
		return ""
	}
	seen, err := d.look(ctx, cred)
	switch {
	case err != nil:
		return ""
	case seen.rec.State == rotation.Quarantined:
		return "it is in quarantine: " + Plain(seen.rec.Why)
	case seen.current.Password.IsZero():
		return "nothing is in Vault yet"
	}
	return ""
}
