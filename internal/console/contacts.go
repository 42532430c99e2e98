package console

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keyturn/internal/operate"
)

// contacts registers what is about contacts that are asked to confirm their addresses.
func (c *Console) contacts(api huma.API) {
	op := operation("verifications", http.MethodGet, "/v1/verifications", "Contacts, and what became of the mails to them", Viewer)
	huma.Register(api, op, func(ctx context.Context, _ *struct{}) (*body[Verifications], error) {
		all, err := c.Desk().Verified(ctx)
		if err != nil {
			return nil, told(err)
		}
		return &body[Verifications]{Verifications{all}}, nil
	})
	op = operation("verify-contacts", http.MethodPost, "/v1/verifications/{name}/verify", "Ask contacts to confirm their addresses", Operator)
	op.Description = "Has a worker ask for all addresses of an entry under verifications of the configuration, each once more."
	op.DefaultStatus = http.StatusAccepted
	huma.Register(api, op, c.postContacts)
}

// Verifications are the entries of the configuration.
type Verifications struct {
	Verifications []operate.Verified `json:"verifications"`
}

type contactsInput struct {
	Name string `path:"name" maxLength:"200"`
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"as for an action of one credential"`
}

// Asked is what a worker was asked for.
type Asked struct {
	Name    string          `json:"name"`
	Asked   time.Time       `json:"asked_at"` // by Redis's clock
	Outcome operate.Outcome `json:"outcome"`
}

type askedOutput struct {
	Replayed string `header:"Idempotent-Replayed" doc:"true where an earlier request with this key was answered"`
	Body     Asked
}

func (c *Console) postContacts(ctx context.Context, in *contactsInput) (*askedOutput, error) {
	a, replayed, err := once(ctx, c, in.Key, []any{verifyContacts, in.Name}, func() (Asked, error) { return c.verifyContacts(ctx, in.Name) })
	if err != nil {
		return nil, told(err)
	}
	return &askedOutput{replayed, a}, nil
}

const verifyContacts = "verify-contacts" // in rotatectl's words

// verifyContacts asks for a verification, and leaves a record of who did.
func (c *Console) verifyContacts(ctx context.Context, name string) (Asked, error) {
	who, desk := callerOf(ctx), c.Desk()
	account, at, err := desk.VerifyAgain(ctx, name, who.By())
	c.record(ctx, verifyContacts, name, string(operate.Asked), err)
	if err != nil {
		return Asked{}, err
	}
	c.noted(ctx, desk.Chronicle.NoteAsked(ctx, nil, account, verifyContacts, who.By(), name))
	return Asked{Name: name, Asked: at, Outcome: operate.Asked}, nil
}

func (c *Console) contactsPage(w http.ResponseWriter, r *http.Request) {
	all, err := c.Desk().Verified(r.Context())
	if err != nil {
		c.away(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, "contacts", "Contacts", Verifications{all})
}

func (c *Console) contactsForm(w http.ResponseWriter, r *http.Request) {
	if _, err := c.verifyContacts(r.Context(), r.PathValue("name")); err != nil {
		c.failed(w, r, err)
		return
	}
	http.Redirect(w, r, "/events?type="+operate.EventAsked, http.StatusSeeOther)
}
