package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"keyturn/internal/operate"
)

const (
	onceTime = 24 * time.Hour
	// pendingTime is longer than any request: a console that died leaves its keys usable.
	pendingTime = followMost + time.Minute
)

// answered is what an idempotency key stands for.
type answered struct {
	Request string          `json:"request"`
	Answer  json.RawMessage `json:"answer,omitempty"` // none: it is being worked on
}

// once does what the first request with a key asks for, and answers later ones as it answered that one. A request that failed may
// be tried again. Without a key it is done.
func once[T any](ctx context.Context, c *Console, key string, request any, do func() (T, error)) (answer T, replayed string, err error) {
	if key == "" {
		answer, err = do()
		return answer, "", err
	}
	text, err := json.Marshal(request)
	if err != nil {
		return answer, "", err
	}
	first, who := answered{Request: digestOf(string(text))}, callerOf(ctx)
	shelf := "once:" + digestOf(who.id, key)
	pending, err := json.Marshal(first)
	if err != nil {
		return answer, "", err
	}
	added, err := c.Shelf.Add(ctx, shelf, pending, pendingTime)
	if err != nil {
		return answer, "", err
	}
	if !added {
		err = c.again(ctx, shelf, first.Request, &answer)
		return answer, "true", err
	}
	answer, err = do()
	ctx = context.WithoutCancel(ctx)
	if err != nil {
		_ = c.Shelf.Delete(ctx, shelf) // else it is forgotten soon
		return answer, "", err
	}
	if first.Answer, err = json.Marshal(answer); err == nil {
		text, err = json.Marshal(first)
	}
	if err == nil {
		_ = c.Shelf.Put(ctx, shelf, text, onceTime) // what was asked for counts; one more request asks for what is asked for already
	}
	return answer, "", err
}

// again is the answer to a request whose key was used before.
func (c *Console) again(ctx context.Context, shelf, request string, answer any) error {
	value, err := c.Shelf.Get(ctx, shelf)
	if err != nil {
		return err
	}
	var before answered
	switch {
	case value == nil || json.Unmarshal(value, &before) != nil:
		return &operate.Error{Kind: operate.Conflict, Err: errors.New("the first request with this Idempotency-Key has just failed: send it again")}
	case before.Request != request:
		return &operate.Error{Kind: operate.Invalid, Err: errors.New("this Idempotency-Key was used for another request: use a new one for each")}
	case before.Answer == nil:
		return &operate.Error{Kind: operate.Conflict, Err: errors.New("the first request with this Idempotency-Key is still being answered: send it again later")}
	}
	return json.Unmarshal(before.Answer, answer)
}

func digestOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}
