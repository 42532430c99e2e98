package console

import (
	"context"
	"fmt"
	"strings"
	"time"

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
	request := []any{a.Name, w.id, w.force, w.confirm}
	v, replayed, err := once(ctx, c, in.Key, request, func() (operate.Verdict, error) { return c.perform(ctx, a, w) })
	if err != nil {
		return nil, told(err)
	}
	return &actOutput{Replayed: replayed, Body: v}, nil
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
