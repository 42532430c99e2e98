package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"keyturn/internal/operate"
)

// manyBody says which credentials are meant: those with an id, or those to which all else applies.
type manyBody struct {
	Credentials []string          `json:"credentials,omitempty" maxItems:"1000" doc:"ids; then nothing but confirm goes with them"`
	Account     string            `json:"account,omitempty" maxLength:"200"`
	Owner       string            `json:"owner,omitempty" maxLength:"200"`
	Labels      map[string]string `json:"labels,omitempty" maxProperties:"20" doc:"all must be there"`
	After       string            `json:"after,omitempty" maxLength:"200" doc:"last of the request before: the list goes on behind it"`
	Confirm     int               `json:"confirm,omitempty" minimum:"0" doc:"of rotations: credentials of the estimate, where it surprises"`
}

func (b manyBody) request() (operate.ManyRequest, error) {
	marks, err := marksOf(b.Owner, labelTexts(b.Labels))
	return operate.ManyRequest{IDs: b.Credentials, Account: b.Account, Marks: marks, After: b.After}, err
}

// labelTexts are labels as KEY=VALUE.
func labelTexts(labels map[string]string) []string {
	texts := make([]string, 0, len(labels))
	for key, value := range labels {
		texts = append(texts, key+"="+value)
	}
	return texts
}

// about names what a request is about in the audit.
func (b manyBody) about() string {
	var parts []string
	if len(b.Credentials) > 0 {
		named := b.Credentials[:min(len(b.Credentials), aboutMost)]
		parts = append(parts, "credentials "+strings.Join(named, ", "))
		if more := len(b.Credentials) - len(named); more > 0 {
			parts[0] += fmt.Sprintf(" and %d more", more)
		}
	}
	for name, value := range map[string]string{"account": b.Account, "owner": b.Owner, "after": b.After} {
		if value != "" {
			parts = append(parts, name+" "+value)
		}
	}
	for key, value := range b.Labels {
		parts = append(parts, "label "+key+"="+value)
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// aboutMost is how many credentials a line of the audit and an event name.
const aboutMost = 20

// Prospect is what rotations will be like.
type Prospect struct {
	operate.Many
	// Confirm says that they are to be confirmed, by the number of credentials.
	Confirm bool `json:"confirm"`
}

func (c *Console) estimate(ctx context.Context, b manyBody) (*Prospect, error) {
	r, err := b.request()
	if err != nil {
		return nil, err
	}
	m, err := c.Desk().Many(ctx, r)
	if err != nil {
		return nil, err
	}
	return &Prospect{*m, m.Surprises()}, nil
}

// unsure is a request for rotations that surprise, without the number of them that confirms it.
type unsure struct{ p *Prospect }

func (e unsure) Error() string {
	never := 0
	for _, a := range e.p.Accounts {
		never += a.NeverRotated
	}
	return fmt.Sprintf("%d credentials, %d of which were never rotated: confirm that with the number of credentials", e.p.Credentials, never)
}

// rotateMany asks for rotations, and leaves a record of who did.
func (c *Console) rotateMany(ctx context.Context, b manyBody) (*Prospect, error) {
	const what = "rotations"
	p, err := c.estimate(ctx, b)
	switch {
	case err == nil && p.Credentials == 0:
		err = &operate.Error{Kind: operate.Absent, Err: fmt.Errorf("%s: there is nothing to rotate", b.about())}
	case err == nil && (p.Confirm || b.Confirm != 0) && b.Confirm != p.Credentials:
		err = &operate.Error{Kind: operate.Invalid, Err: unsure{p}}
	}
	if err != nil {
		c.record(ctx, what, b.about(), "", err)
		return nil, err
	}
	who, desk := callerOf(ctx), c.Desk()
	err = desk.RotateMany(ctx, &p.Many, who.By())
	if p.Asked > 0 {
		account := ""
		if len(p.Accounts) == 1 {
			account = p.Accounts[0].Account
		}
		c.record(ctx, what, b.about(), string(operate.Asked), nil)
		why := fmt.Sprintf("%d asked for: %s", p.Asked, b.about())
		c.noted(ctx, desk.Chronicle.NoteAsked(ctx, nil, account, what, who.By(), why))
	}
	if err != nil {
		c.record(ctx, what, b.about(), "", err)
		return nil, err
	}
	return p, nil
}

type manyInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"as for an action of one credential"`
	Body manyBody
}

type manyOutput struct {
	Replayed string `header:"Idempotent-Replayed" doc:"true where an earlier request with this key was answered"`
	Body     *Prospect
}

// bulk registers what is about many credentials.
func (c *Console) bulk(api huma.API) {
	op := operation("estimate-rotations", http.MethodPost, "/v1/rotations/estimate", "What rotations would be like", Viewer)
	op.Description = "Changes nothing: how many, how long, which were never rotated. At most 1,000; where more match, last is the after of the next request."
	huma.Register(api, op, func(ctx context.Context, in *struct{ Body manyBody }) (*body[*Prospect], error) {
		p, err := c.estimate(ctx, in.Body)
		if err != nil {
			return nil, told(err)
		}
		return &body[*Prospect]{p}, nil
	})
	op = operation("rotations", http.MethodPost, "/v1/rotations", "Rotate many", Operator)
	op.Description = "Asks for rotations before all scheduled work, at the pace of the account's rate. Where the estimate says so, confirm is its number of credentials."
	op.DefaultStatus = http.StatusAccepted
	huma.Register(api, op, func(ctx context.Context, in *manyInput) (*manyOutput, error) {
		p, replayed, err := once(ctx, c, in.Key, []any{op.OperationID, in.Body}, func() (*Prospect, error) { return c.rotateMany(ctx, in.Body) })
		if err != nil {
			return nil, told(err)
		}
		return &manyOutput{replayed, p}, nil
	})
}

// many is the page on which rotations are confirmed, and then what was asked for.
type many struct {
	*Prospect
	Body    manyBody
	Seconds float64 // until the last account has ended
	Key     string  // has the form count once
	Done    bool
}

func (c *Console) manyForm(w http.ResponseWriter, r *http.Request) {
	ctx, b := r.Context(), manyBodyOf(r.PostForm)
	confirmed, err := strconv.Atoi(r.PostForm.Get("confirm"))
	page := many{Body: b, Key: random(), Done: err == nil}
	if page.Done {
		b.Confirm = confirmed
		page.Prospect, _, err = once(ctx, c, r.PostForm.Get("key"), []any{"rotations", b}, func() (*Prospect, error) { return c.rotateMany(ctx, b) })
	} else {
		page.Prospect, err = c.estimate(ctx, b)
	}
	if err != nil {
		c.failed(w, r, err)
		return
	}
	for _, e := range page.Accounts {
		page.Seconds = max(page.Seconds, e.Seconds)
	}
	c.render(w, r, http.StatusOK, "rotations", "Rotate many", page)
}

// manyBodyOf is what a form asks for. Of labels it has KEY=VALUE; what is none says so where it is looked up.
func manyBodyOf(form url.Values) manyBody {
	b := manyBody{Credentials: form["id"], Account: form.Get("account"), Owner: form.Get("owner"), After: form.Get("after")}
	for _, label := range given(form["label"]) {
		key, value, _ := strings.Cut(label, "=")
		if b.Labels == nil {
			b.Labels = map[string]string{}
		}
		b.Labels[key] = value
	}
	return b
}
