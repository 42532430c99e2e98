package queue

import (
	"context"

	"github.com/hibiken/asynq"

	"keyturn/internal/redisx"
)

// tailed lets a run leave what is then written with the end of its task, where the door joins the two. If the task does not end
// with this run, leave writes it at once.
func (a *account) tailed(ctx context.Context) (of context.Context, leave func(error)) {
	if a.door.slots == 0 {
		return ctx, func(error) {}
	}
	queue, _ := asynq.GetQueueName(ctx)
	id, _ := asynq.GetTaskID(ctx)
	of, tail := redisx.WithTail(ctx, func(err error) {
		a.Log.WarnContext(ctx, "what follows a rotation is late", "account", a.Name, "error", err)
	})
	return of, func(err error) {
		if err != nil || ctx.Err() != nil {
			after, cancel := outlive(ctx)
			defer cancel()
			tail.Write(after, a.rdb)
		}
		a.door.left(engineKey(queue, "t:"+id), tail)
	}
}

// left keeps what the run of a task left until asynq writes the task's end. An earlier run of the task may have left something
// too, and lost the task before that: it was run again because of it.
func (d *door) left(key string, tail *redisx.Tail) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if tail.Empty() {
		delete(d.tails, key)
		return
	}
	d.tails[key] = tail
}

// leftBy is what the run of a task left, and who hears whether it was written.
func (d *door) leftBy(key string) (redisx.Writer, func(error)) {
	d.mu.Lock()
	tail := d.tails[key]
	delete(d.tails, key)
	d.mu.Unlock()
	return tail.Take()
}
