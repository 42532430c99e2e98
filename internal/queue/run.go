package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/hibiken/asynq"

	"keyturn/internal/contacts"
	"keyturn/internal/rotation"
)

// Handler does the work. It may be called from many goroutines, also for one credential at once; it returns soon after
// ctx ends. Result.Err may be ErrUnknown.
type Handler interface {
	Rotate(ctx context.Context, job Job) rotation.Result
	Check(ctx context.Context, job Job) rotation.Result
	// Act does what a person asks for at a journal, or writes a freeze. Result.Err may be one that says that it is not possible as
	// things stand: rotation.ErrNotQuarantined, rotation.ErrNothingOpen or ErrOvertaken, and ErrNotFrozen or ErrNoFreeze.
	Act(ctx context.Context, job Job) rotation.Result
	Contacts(ctx context.Context, job Job) contacts.Result
	// Tell delivers what waits in an outbox: job.Account is the sink, and job.Credential what it is about.
	Tell(ctx context.Context, job Job) rotation.Result
}

// ErrUnknown is a credential that the configuration does not have at this account. Configurations differ while they
// are rolled out, so the job is tried again for 10 minutes.
var ErrUnknown = errors.New("not in the configuration of this account")

const (
	unknownFor   = 10 * time.Minute
	unknownEvery = 30 * time.Second
	newerEvery   = 30 * time.Second
)

// StatusBlocked is the outcome of a run that the account's breaker sent away: it comes back when the breaker closes, or
// lets it through as a probe.
const StatusBlocked = "blocked"

// StatusRefused is the outcome of an act that the credential does not allow as it stands. Nothing was changed, and the text
// says why.
const StatusRefused = "refused"

// ErrOvertaken is an act that a person asked for when the journal looked otherwise.
var ErrOvertaken = errors.New("its journal has changed since that was asked for: look at it again")

// ErrFrozen is a demand that does not insist, about a credential that a change freeze covers.
var ErrFrozen = errors.New("with --force it is rotated all the same")

// unfit is why an act is not possible as things stand; nil where that is not the cause.
func unfit(err error) error {
	return among(err, rotation.ErrNotQuarantined, rotation.ErrNothingOpen, ErrOvertaken, ErrNotFrozen, ErrNoFreeze)
}

// unserved is why what a person asked for about identities did not come about; nil where that is not the cause.
func unserved(err error) error {
	return among(err, rotation.ErrNoneWaits, rotation.ErrNotRetired, rotation.ErrOpen, rotation.ErrQuarantined)
}

// among is which of some causes err has, alone: what err says beside it may not be told. It is nil if it has none.
func among(err error, causes ...error) error {
	for _, cause := range causes {
		if errors.Is(err, cause) {
			return cause
		}
	}
	return nil
}

// The other outcomes of a run that are not a rotation.Status, for Observer.
const (
	outcomeUnknown   = "unknown"   // ErrUnknown
	outcomeNewer     = "newer"     // payload of a newer program
	outcomeMalformed = "malformed" // payload that no keyturn wrote
	outcomePanic     = "panic"
	outcomeAbandoned = "abandoned" // asynq gave the task away while it ran
)

// account runs the tasks that one asynq server takes.
type account struct {
	*post
	door *door
	stop context.Context // ends when runs must
}

// ProcessTask implements asynq.Handler.
func (a *account) ProcessTask(ctx context.Context, task *asynq.Task) error {
	a.running.Add(1)
	defer a.running.Done()
	defer a.door.ended()
	start := a.Now()
	ctx, leave := a.tailed(ctx)
	outcome, err := a.process(ctx, task)
	leave(err)
	outcome = reached(ctx, outcome)
	kind := Kind(task.Type())
	if !kind.known() {
		kind = "other" // a task's type is not ours to trust, least of all as the label of a metric
	}
	a.Observer.Job(a.Name, string(kind), outcome, a.Now().Sub(start))
	return err
}

// reached is the outcome of a run, unless its task was given away when ctx ended: what is returned then goes nowhere.
func reached(ctx context.Context, outcome string) string {
	if ctx.Err() != nil {
		return outcomeAbandoned
	}
	return outcome
}

func (a *account) process(ctx context.Context, task *asynq.Task) (outcome string, err error) {
	job, err := a.read(ctx, task)
	switch {
	case errors.Is(err, rotation.ErrNewerSchema):
		a.Log.WarnContext(ctx, "a job was written by a newer version: left for it", "account", a.Name)
		return outcomeNewer, &again{after: newerEvery, text: "written by a newer version"}
	case errors.Is(err, ErrMalformed):
		a.Log.ErrorContext(ctx, "a job was not written by keyturn: dropped", "account", a.Name, "error", err)
		return outcomeMalformed, asynq.RevokeTask
	case err != nil:
		return rotation.Failed.String(), &again{after: time.Second, text: "redis did not answer"}
	}
	ctx, span := a.trace(ctx, task, job)
	outcome, res, err := a.serve(ctx, job)
	span.Rotation(res.RotationID)
	span.Outcome(reached(ctx, outcome))
	span.End(fault(outcome, res))
	return outcome, err
}

// serve runs a job, unless the breaker is in its way.
func (a *account) serve(ctx context.Context, job Job) (outcome string, res rotation.Result, err error) {
	var pass pass
	if job.Kind.calls() {
		if pass, err = a.Breaker.admit(ctx, job, a.Now()); err != nil {
			res = rotation.Result{Status: rotation.Failed, Err: err}
			return res.Status.String(), res, &again{after: time.Second, text: "redis did not answer"}
		}
	}
	if pass.state == passBlocked {
		err = a.blocked(ctx, job)
		res = rotation.Result{Status: rotation.Waiting}
		a.remember(ctx, job, StatusBlocked, res, err)
		return StatusBlocked, res, err
	}
	res, panicked := a.run(ctx, job)
	ctx = rotation.WithID(ctx, res.RotationID)
	a.Breaker.learn(ctx, job, pass, res)
	outcome = res.Status.String()
	switch {
	case job.Kind == KindContacts && res.Status == rotation.Ended:
		outcome = contacts.Refused.String()
	case panicked:
		outcome, err = outcomePanic, sendBack(res, job.Attempt)
	case unfit(res.Err) != nil:
		outcome, err = StatusRefused, nil
	case errors.Is(res.Err, ErrUnknown):
		outcome, err = outcomeUnknown, a.unknown(ctx, job)
	case res.Status == rotation.Failed && a.stop.Err() != nil:
		err = &again{text: "the worker was stopped"} // which says nothing about the job
	default:
		err = sendBack(res, job.Attempt)
	}
	a.remember(ctx, job, outcome, res, err)
	a.tell(ctx, job, res, err)
	return outcome, res, err
}

// tell logs why a job comes back. To wait is everyday and no news.
func (a *account) tell(ctx context.Context, job Job, res rotation.Result, err error) {
	if ctx.Err() != nil {
		a.Log.WarnContext(ctx, "a run ended after its task was taken from it", "account", a.Name, "credential", job.Credential,
			"cause", context.Cause(ctx))
	}
	level := slog.LevelDebug
	var back *again
	if !errors.As(err, &back) {
		return
	}
	if back.failed {
		level = slog.LevelWarn
	}
	a.Log.LogAttrs(ctx, level, "a job comes back", slog.String("account", a.Name), slog.String("credential", job.Credential),
		slog.String("kind", string(job.Kind)), slog.String("reason", string(job.Reason)), slog.Int("attempt", job.Attempt),
		slog.String("status", res.Status.String()), slog.Duration("after", back.after), slog.Any("error", res.Err))
}

// remember notes the outcome for a caller that waits. A note that is lost costs it an answer, never the rotation.
func (a *account) remember(ctx context.Context, job Job, outcome string, res rotation.Result, err error) {
	var back *again
	o, after := Outcome{Status: outcome, Final: true, Rotated: res.Rotated, Text: describe(res)}, time.Duration(0)
	if errors.As(err, &back) {
		o.Final, after = false, roundUp(back.after)
	}
	if err := a.client.remember(ctx, job, o, after); err != nil {
		a.Log.WarnContext(ctx, "an outcome is not noted", "account", a.Name, "credential", job.Credential, "error", err)
	}
	if task, ok := asynq.GetTaskID(ctx); ok && back != nil && back.failed && job.Kind == KindRotate {
		// Without the note it counts as work that soon wants the rate, which delays others and nothing more.
		if err := a.client.failed(ctx, a.Name, task, after); err != nil {
			a.Log.WarnContext(ctx, "a failure is not noted", "account", a.Name, "credential", job.Credential, "error", err)
		}
	}
}

// read decodes a task and checks what no credential's configuration can: its size, shape and slot.
func (a *account) read(ctx context.Context, task *asynq.Task) (Job, error) {
	p, err := decode(task.Payload())
	if err != nil {
		return Job{}, err
	}
	if kind := Kind(task.Type()); !kind.known() || p.Version < kind.version() || (kind == KindFreeze) != (p.Freeze != nil) {
		return Job{}, fmt.Errorf("%w: unknown kind of job", ErrMalformed)
	}
	job := Job{
		Job:  rotation.Job{Slot: p.Slot, Reason: p.Reason, RequestedBy: p.RequestedBy, Force: p.Force},
		Kind: Kind(task.Type()), Account: a.Name, Credential: p.Credential, Freeze: p.Freeze,
	}
	job.Attempt, _ = asynq.GetRetryCount(ctx)
	// A slot in the future would make every later wish look served. Our own clock may be slow, so Redis's decides.
	if job.Slot.After(a.Now().Add(time.Minute)) {
		now, err := a.client.Now(ctx)
		if err != nil {
			return Job{}, err
		}
		if job.Slot.After(now.Add(time.Second)) {
			return Job{}, fmt.Errorf("%w: slot in the future", ErrMalformed)
		}
	}
	return job, nil
}

// run calls the handler within the account's time limit, which ends before asynq's own: a handler that sees its
// context end can still report, while asynq abandons it at once.
func (a *account) run(ctx context.Context, job Job) (res rotation.Result, panicked bool) {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	defer context.AfterFunc(a.stop, cancel)() //nolint:contextcheck // the run ends with the task's context or with the server's
	defer func() {
		if x := recover(); x != nil {
			res, panicked = rotation.Result{Status: rotation.Failed}, true
			a.Log.ErrorContext(ctx, "a job panicked", "account", a.Name, "credential", job.Credential, "kind", string(job.Kind),
				"panic", panicText(x), "stack", string(debug.Stack()))
		}
	}()
	switch job.Kind {
	case KindRetire:
		job.Reason = rotation.ReasonRetire
		return a.handler.Check(ctx, job), false
	case KindHold:
		job.Reason = rotation.ReasonHold
		return a.handler.Check(ctx, job), false
	case KindCheck:
		return a.handler.Check(ctx, job), false
	case KindContacts:
		return ofContacts(a.handler.Contacts(ctx, job)), false
	case KindTell:
		return a.handler.Tell(ctx, job), false
	case KindRelease, KindRetry, KindRecover, KindAbandon, KindFreeze:
		return a.handler.Act(ctx, job), false
	case KindRotate:
	}
	return a.handler.Rotate(ctx, job), false
}

// ofContacts is what becomes of a job's task, which is the same whatever the job was about.
func ofContacts(r contacts.Result) rotation.Result {
	status := map[contacts.Status]rotation.Status{
		contacts.Done: rotation.Done, contacts.Waiting: rotation.Waiting, contacts.Failed: rotation.Failed, contacts.Refused: rotation.Ended,
	}
	return rotation.Result{Status: status[r.Status], After: r.After, Err: r.Err}
}

// panicText names a panic without its value, which may hold anything; the runtime's own errors hold no data.
func panicText(x any) string {
	if err, ok := x.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("value of type %T", x)
}

// unknown sends the job back for 10 minutes from the first time that anybody did not know its credential.
func (a *account) unknown(ctx context.Context, job Job) error {
	since, err := a.client.unknownFor(ctx, a.Name, job.Credential)
	if err == nil && since >= unknownFor {
		a.Log.ErrorContext(ctx, "a job names a credential that is not in the configuration: dropped",
			"account", a.Name, "credential", job.Credential, "reason", string(job.Reason))
		return asynq.RevokeTask
	}
	return &again{after: unknownEvery, text: ErrUnknown.Error()}
}
