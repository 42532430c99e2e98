package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keyturn/internal/operate"
	"keyturn/internal/rotation"
)

type actInput struct {
	ID   string `path:"id" maxLength:"200"`
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"a request that is sent again with the same key is answered as the first one was, for a day"`
	Wait int    `query:"wait_seconds" minimum:"0" maximum:"120" default:"0" doc:"follow it for so long; 0: answer as soon as it is asked for"`
	Body *actBody
}

type actBody struct {
	Force   bool   `json:"force,omitempty" doc:"of a rotation: also what is frozen or within its grace; of a retirement: before the grace is over"`
	Confirm string `json:"confirm,omitempty" maxLength:"200" doc:"the id again, where something is destroyed"`
}

type actOutput struct {
	Replayed string `header:"Idempotent-Replayed" doc:"true where an earlier request with this key was answered"`
	Body     operate.Verdict
}

func (c *Console) postAct(ctx context.Context, a action, in *actInput) (*actOutput, error) {
	w := wish{id: in.ID, wait: time.Duration(in.Wait) * time.Second}
	if in.Body != nil {
		w.force, w.confirm = in.Body.Force, in.Body.Confirm
	}
	if in.Key == "" {
		v, err := c.perform(ctx, a, w)
		if err != nil {
			return nil, told(err)
		}
		return &actOutput{Body: v}, nil
	}
	return c.once(ctx, a, w, in.Key)
}

const (
	onceTime = 24 * time.Hour
	// pendingTime is longer than any request: a console that died leaves its keys usable.
	pendingTime = followMost + time.Minute
)

// answered is what an idempotency key stands for.
type answered struct {
	Request string           `json:"request"`
	Verdict *operate.Verdict `json:"verdict"` // nil: it is being worked on
}

// once performs an action for the first request with a key, and answers later ones as it answered that one. A request that failed
// may be tried again.
func (c *Console) once(ctx context.Context, a action, w wish, key string) (*actOutput, error) {
	who := callerOf(ctx)
	request, err := json.Marshal([]any{a.Name, w.id, w.force, w.confirm})
	if err != nil {
		return nil, err
	}
	first := answered{Request: digestOf(string(request))}
	shelf := "once:" + digestOf(who.id, key)
	pending, err := json.Marshal(first)
	if err != nil {
		return nil, err
	}
	added, err := c.Shelf.Add(ctx, shelf, pending, pendingTime)
	if err != nil {
		return nil, told(err)
	}
	if !added {
		return c.again(ctx, shelf, first.Request)
	}
	v, err := c.perform(ctx, a, w)
	ctx = context.WithoutCancel(ctx)
	if err != nil {
		_ = c.Shelf.Delete(ctx, shelf) // else it is forgotten soon
		return nil, told(err)
	}
	first.Verdict = &v
	if value, err := json.Marshal(first); err == nil {
		_ = c.Shelf.Put(ctx, shelf, value, onceTime) // what was asked for counts; one more request asks for what is asked for already
	}
	return &actOutput{Body: v}, nil
}

// again answers a request whose key was used before.
func (c *Console) again(ctx context.Context, shelf, request string) (*actOutput, error) {
	value, err := c.Shelf.Get(ctx, shelf)
	if err != nil {
		return nil, told(err)
	}
	var before answered
	switch {
	case value == nil || json.Unmarshal(value, &before) != nil:
		return nil, huma.Error409Conflict("the first request with this Idempotency-Key has just failed: send it again")
	case before.Request != request:
		return nil, huma.Error422UnprocessableEntity("this Idempotency-Key was used for another request: use a new one for each")
	case before.Verdict == nil:
		return nil, huma.Error409Conflict("the first request with this Idempotency-Key is still being answered: send it again later")
	}
	return &actOutput{Replayed: "true", Body: *before.Verdict}, nil
}

func digestOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// marksOf is what a credential must carry; nil if anything will do.
func marksOf(owner string, labels []string) (*rotation.Marks, error) {
	if owner == "" && len(labels) == 0 {
		return nil, nil
	}
	m := &rotation.Marks{Owner: owner, Labels: map[string]string{}}
	for _, text := range labels {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" || value == "" {
			return nil, &operate.Error{Kind: operate.Invalid, Err: fmt.Errorf("label %s: want KEY=VALUE", text)}
		}
		m.Labels[key] = value
	}
	return m, nil
}
