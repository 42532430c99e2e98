package queue

import (
	"context"
	"errors"

	"github.com/hibiken/asynq"

	"keyturn/internal/rotation"
	"keyturn/internal/tracing"
)

// traceHeader is the header of a task that says in which trace it was enqueued. It is no field of the payload: an older
// worker leaves a payload with a field that it does not know to newer ones, and a header it does not look at.
const traceHeader = "traceparent"

// headers of a task that is enqueued under ctx; nil where no trace is under way.
func headers(ctx context.Context) map[string]string {
	if parent := tracing.ParentOf(ctx).String(); parent != "" {
		return map[string]string{traceHeader: parent}
	}
	return nil
}

// trace begins the span of a run. All runs of a task have the same parent, so that a trace shows each try.
func (a *account) trace(ctx context.Context, task *asynq.Task, job Job) (context.Context, tracing.Span) {
	ctx, span := a.Tracer.Begin(ctx, tracing.ParseParent(task.Headers()[traceHeader]), tracing.Consumer, string(job.Kind))
	queue, _ := asynq.GetQueueName(ctx)
	span.Takes(queue)
	span.Job(job.Account, job.Credential, string(job.Reason))
	span.Attempt(job.Attempt)
	return ctx, span
}

// fault is why a run counts as failed; nil where it does not. What it waits for is no fault of it.
func fault(outcome string, res rotation.Result) error {
	switch {
	case res.Status != rotation.Failed:
		return nil
	case res.Err == nil:
		return errors.New(outcome)
	default:
		return res.Err
	}
}
