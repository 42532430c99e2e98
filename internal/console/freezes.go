package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keyturn/internal/freeze"
	"keyturn/internal/operate"
)

// Freezes are those that are not over.
type Freezes struct {
	Freezes freeze.Set `json:"freezes"`
	Unknown string     `json:"unknown,omitempty"` // what could not be read, and why
}

// ScopeBody is what is frozen: all that is given must apply.
type ScopeBody struct {
	Account string            `json:"account,omitempty" maxLength:"200"`
	Owner   string            `json:"owner,omitempty" maxLength:"200"`
	Labels  map[string]string `json:"labels,omitempty" maxProperties:"20"`
	All     bool              `json:"all,omitempty" doc:"the whole fleet; then nothing else is given"`
}

var errScope = &operate.Error{Kind: operate.Invalid, Err: errors.New("say what: account, owner, labels, several of them, or all")}

// scope is for operate what the body says.
func (b ScopeBody) scope() (freeze.Scope, error) {
	s := freeze.Scope{Account: b.Account, Owner: b.Owner, Labels: b.Labels}
	if _, err := marksOf("", labelTexts(b.Labels)); err != nil {
		return s, err
	}
	if some := b.Account != "" || b.Owner != "" || len(b.Labels) > 0; some == b.All {
		return s, errScope
	}
	return s, nil
}

type freezeBody struct {
	ScopeBody
	Until  string `json:"until" maxLength:"40" doc:"a time (RFC 3339), a date, or so long from now: 12h, 7d"`
	Reason string `json:"reason" maxLength:"200" doc:"a line for people"`
}

// frozenInput is a request about a freeze.
type frozenInput[T any] struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"as for an action of one credential"`
	Wait int    `query:"wait_seconds" minimum:"0" maximum:"120" default:"0" doc:"wait so long for the worker's answer; 0: not at all"`
	Body T
}

type frozenOutput struct {
	Replayed string `header:"Idempotent-Replayed" doc:"true where an earlier request with this key was answered"`
	Body     operate.Ordered
}

// freezes registers what is about change freezes.
func (c *Console) freezes(api huma.API) {
	op := operation("freezes", http.MethodGet, "/v1/freezes", "Change freezes that are not over", Viewer)
	huma.Register(api, op, func(ctx context.Context, _ *struct{}) (*body[Freezes], error) {
		return &body[Freezes]{c.standing(ctx)}, nil
	})
	op = operation("freeze", http.MethodPost, "/v1/freezes", "Hold scheduled rotations back", Operator)
	op.Description, op.DefaultStatus = "Has a worker write a change freeze. Another one of the same scope takes its place.", http.StatusAccepted
	huma.Register(api, op, func(ctx context.Context, in *frozenInput[freezeBody]) (*frozenOutput, error) {
		return c.ordered(ctx, in.Key, []any{"freeze", in.Body}, func() (operate.Ordered, error) {
			return c.freeze(ctx, in.Body, time.Duration(in.Wait)*time.Second)
		})
	})
	op = operation("thaw", http.MethodPost, "/v1/freezes/thaw", "End a freeze before its time", Operator)
	op.Description, op.DefaultStatus = "Has a worker end the freeze of just this scope. Those that the configuration has end there.", http.StatusAccepted
	huma.Register(api, op, func(ctx context.Context, in *frozenInput[ScopeBody]) (*frozenOutput, error) {
		return c.ordered(ctx, in.Key, []any{"thaw", in.Body}, func() (operate.Ordered, error) {
			return c.thaw(ctx, in.Body, time.Duration(in.Wait)*time.Second)
		})
	})
}

func (c *Console) ordered(ctx context.Context, key string, request any, do func() (operate.Ordered, error)) (*frozenOutput, error) {
	o, replayed, err := once(ctx, c, key, request, do)
	if err != nil {
		return nil, told(err)
	}
	return &frozenOutput{replayed, o}, nil
}

// standing are the freezes that are not over.
func (c *Console) standing(ctx context.Context) Freezes {
	set, err := c.Desk().FreezesAhead(ctx)
	all := Freezes{Freezes: set}
	if err != nil {
		all.Unknown = operate.Plain(err.Error())
	}
	return all
}

func (c *Console) freeze(ctx context.Context, b freezeBody, wait time.Duration) (operate.Ordered, error) {
	return c.order(ctx, "freeze", b.ScopeBody, func(s freeze.Scope, by string) (operate.Ordered, error) {
		desk := c.Desk()
		until, err := operate.ParseUntil(b.Until, desk.Clock.Now())
		if err != nil {
			return operate.Ordered{}, err
		}
		return desk.OrderFreeze(ctx, operate.FreezeRequest{Scope: s, Until: until, Reason: strings.TrimSpace(b.Reason), By: by}, min(wait, followMost))
	})
}

func (c *Console) thaw(ctx context.Context, b ScopeBody, wait time.Duration) (operate.Ordered, error) {
	return c.order(ctx, "thaw", b, func(s freeze.Scope, by string) (operate.Ordered, error) {
		return c.Desk().OrderThaw(ctx, s, by, min(wait, followMost))
	})
}

// order asks a worker for a freeze or a thaw, and leaves a record of who did.
func (c *Console) order(ctx context.Context, what string, b ScopeBody, do func(s freeze.Scope, by string) (operate.Ordered, error)) (operate.Ordered, error) {
	who := callerOf(ctx)
	s, err := b.scope()
	var o operate.Ordered
	if err == nil {
		o, err = do(s, who.By())
	}
	about := s.String()
	if o.Asked.IsZero() {
		c.record(ctx, what, about, "", err)
		return o, err
	}
	c.record(ctx, what, about, string(operate.Asked), nil)
	c.noted(ctx, c.Desk().Chronicle.NoteAsked(ctx, nil, s.Account, what, who.By(), about))
	return o, err
}

// frozenPage is what is frozen, and a form for more.
type frozenPage struct {
	Freezes
	Accounts []string
	Ask      freezeBody // what the form begins with
}

func (c *Console) freezesPage(w http.ResponseWriter, r *http.Request) {
	ask := r.URL.Query()
	page := frozenPage{Freezes: c.standing(r.Context()), Accounts: accountNames(c.Desk())}
	page.Ask.Account, page.Ask.Owner = ask.Get("account"), ask.Get("owner")
	c.render(w, r, http.StatusOK, "freezes", "Change freezes", page)
}

// formWait is how long a form waits for a worker.
const formWait = 5 * time.Second

func scopeOf(form url.Values) ScopeBody {
	b := manyBodyOf(form)
	return ScopeBody{Account: b.Account, Owner: b.Owner, Labels: b.Labels, All: form.Get("all") == "yes"}
}

func (c *Console) freezeForm(w http.ResponseWriter, r *http.Request) {
	b := freezeBody{scopeOf(r.PostForm), strings.TrimSpace(r.PostForm.Get("until")), r.PostForm.Get("reason")}
	o, err := c.freeze(r.Context(), b, formWait)
	c.answered(w, r, o, err)
}

func (c *Console) thawForm(w http.ResponseWriter, r *http.Request) {
	o, err := c.thaw(r.Context(), scopeOf(r.PostForm), formWait)
	c.answered(w, r, o, err)
}

// answered shows what became of a form: where a worker has done it, in the list.
func (c *Console) answered(w http.ResponseWriter, r *http.Request, o operate.Ordered, err error) {
	switch {
	case err != nil:
		c.failed(w, r, err)
	case o.Outcome == operate.Froze || o.Outcome == operate.Unfroze:
		http.Redirect(w, r, "/freezes", http.StatusSeeOther)
	case o.Why != "":
		c.say(w, r, http.StatusAccepted, "it is asked for and not done yet: "+o.Why)
	default:
		c.say(w, r, http.StatusAccepted, "it is asked for, and no worker has done it yet: it is in the list of freezes once one has")
	}
}
