package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"keyturn/internal/operate"
	"keyturn/internal/rotation"
)

// api registers the API. The OpenAPI document that describes it is made of the same declarations.
func (c *Console) api(mux *http.ServeMux) huma.API {
	cfg := huma.DefaultConfig("keyturn", c.Version)
	cfg.Info.Description = "Knows and does what rotatectl does, but for what takes a password or rights in Vault. No answer holds a secret."
	cfg.DocsPath, cfg.SchemasPath, cfg.CreateHooks, cfg.OpenAPIPath = "", "", nil, "/v1/openapi"
	cfg.RejectUnknownQueryParameters = true
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer", Description: "a token whose SHA-256 the configuration has"},
		"session": {Type: "apiKey", In: "cookie", Name: c.cookieName(), Description: "a session of the page; changes also take its X-CSRF-Token"},
	}
	cfg.Security = []map[string][]string{{"token": {}}, {"session": {}}}
	api := humago.New(mux, cfg)
	api.UseMiddleware(c.allowed(api))
	read := func(id, path, summary string) huma.Operation {
		return operation(id, http.MethodGet, path, summary, Viewer)
	}
	huma.Register(api, read("fleet", "/v1/fleet", "How the fleet stands"), c.getFleet)
	huma.Register(api, read("credentials", "/v1/credentials", "Find credentials"), c.getCredentials)
	huma.Register(api, read("credential", "/v1/credentials/{id}", "One credential and its events"), c.getCredential)
	huma.Register(api, read("plan", "/v1/plan", "What falls due, and whether the rates suffice"), c.getPlan)
	huma.Register(api, read("events", "/v1/events", "What happened, the newest first"), c.getEvents)
	for _, a := range actions {
		op := operation(a.Name, http.MethodPost, "/v1/credentials/{id}/"+a.Name, a.Title, a.Role)
		op.Description, op.DefaultStatus = a.Does, http.StatusAccepted
		huma.Register(api, op, func(ctx context.Context, in *actInput) (*actOutput, error) { return c.postAct(ctx, a, in) })
	}
	op := operation("unpause", http.MethodPost, "/v1/accounts/{account}/unpause", "Lift a pause of an account", Operator)
	op.Description = "Ends a pause that the provider asked for and one that a person made in the queue."
	huma.Register(api, op, c.postUnpause)
	c.bulk(api)
	c.contacts(api)
	c.freezes(api)
	return api
}

const roleOf = "role"

func operation(id, method, path, summary string, role Role) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Description: "", Tags: []string{role.String()}, MaxBodyBytes: maxBody,
		Metadata: map[string]any{roleOf: role}, Errors: []int{
			http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusServiceUnavailable,
		},
	}
}

// allowed lets in who has the role of an operation.
func (c *Console) allowed(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		who, role := callerOf(ctx.Context()), ctx.Operation().Metadata[roleOf].(Role) //nolint:forcetypeassert // operation puts it there
		switch {
		case who.Role < role:
			c.record(ctx.Context(), ctx.Operation().OperationID, ctx.Param("id")+ctx.Param("account")+ctx.Param("name"), "", errRole(role))
			_ = huma.WriteErr(api, ctx, http.StatusForbidden, errRole(role).Error())
		case who.csrf != "" && ctx.Method() != http.MethodGet && !same(ctx.Header("X-CSRF-Token"), who.csrf):
			_ = huma.WriteErr(api, ctx, http.StatusForbidden, "X-CSRF-Token is not that of the session: programs send a token in Authorization instead")
		default:
			next(ctx)
		}
	}
}

type errRole Role

func (e errRole) Error() string { return "it takes the role " + Role(e).String() }

// problem answers as RFC 9457 has it, where no operation is known.
func problem(w http.ResponseWriter, status int, why string) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: why})
}

// told is an error of operate as HTTP has it.
func told(err error) error {
	text := operate.Plain(err.Error())
	var open unconfirmed
	switch kind := operate.KindOf(err); {
	case errors.As(err, &open):
		return huma.Error422UnprocessableEntity(text)
	case kind == operate.Invalid:
		return huma.Error422UnprocessableEntity(text)
	case kind == operate.Absent:
		return huma.Error404NotFound(text)
	case kind == operate.Conflict:
		return huma.Error409Conflict(text)
	case kind == operate.Unable:
		return huma.Error501NotImplemented(text + ": rotatectl does it where Vault can be reached")
	default:
		return huma.Error503ServiceUnavailable(text)
	}
}

type body[T any] struct{ Body T }

func (c *Console) getFleet(ctx context.Context, _ *struct{}) (*body[operate.Overview], error) {
	o, err := c.overview(ctx)
	if err != nil {
		return nil, told(err)
	}
	return &body[operate.Overview]{o}, nil
}

type findInput struct {
	Text     string   `query:"q" maxLength:"200" doc:"in the id, target, path, owner or a label's value"`
	Accounts []string `query:"account,explode" maxItems:"100"`
	States   []string `query:"state,explode" maxItems:"10" doc:"healthy, waiting, deleted, rotating, in doubt, refused, quarantined or unread"`
	Owner    string   `query:"owner" maxLength:"200"`
	Labels   []string `query:"label,explode" maxItems:"20" doc:"KEY=VALUE; all must be there"`
	Sort     string   `query:"sort" enum:"age" doc:"age: those first that are the oldest against their schedule, and nothing that has no due time; otherwise the order of the configuration"`
	After    string   `query:"after" maxLength:"200" doc:"next of the page before"`
	Limit    int      `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

func (c *Console) getCredentials(ctx context.Context, in *findInput) (*body[operate.Found], error) {
	f, err := in.filter()
	if err != nil {
		return nil, told(err)
	}
	found, err := c.Desk().Find(ctx, f)
	if err != nil {
		return nil, told(err)
	}
	if found.Rows == nil {
		found.Rows = []operate.Row{}
	}
	return &body[operate.Found]{found}, nil
}

func (in *findInput) filter() (operate.Filter, error) {
	f := operate.Filter{Text: in.Text, Accounts: in.Accounts, After: in.After, Limit: in.Limit, Oldest: in.Sort == "age"}
	for _, s := range in.States {
		if state := operate.State(s); slices.Contains(shownStates, state) {
			f.States = append(f.States, state)
			continue
		}
		return f, &operate.Error{Kind: operate.Invalid, Err: fmt.Errorf("state %s: want one of %v", s, shownStates)}
	}
	marks, err := marksOf(in.Owner, in.Labels)
	f.Marks = marks
	return f, err
}

// shownStates are those that the console shows.
var shownStates = append(operate.States[:len(operate.States):len(operate.States)], operate.Unread)

// glimpse keeps an overview for a moment, because every page that is open asks for it when something happens.
type glimpse struct {
	mu       sync.Mutex
	desk     *operate.Desk
	at       time.Time
	overview operate.Overview
}

const glimpseTime = time.Second

// overview is one of this moment.
func (c *Console) overview(ctx context.Context) (operate.Overview, error) {
	v, desk := c.views, c.Desk()
	v.mu.Lock()
	defer v.mu.Unlock()
	if now := desk.Clock.Now(); v.desk == desk && now.Sub(v.at).Abs() < glimpseTime {
		return v.overview, nil
	}
	o, err := desk.Overview(ctx)
	if err == nil {
		v.desk, v.at, v.overview = desk, o.At, o
	}
	return o, err
}

// Told is a credential, where it stands and what happened to it.
type Told struct {
	operate.Row
	Target string           `json:"target"`
	Second string           `json:"second_target,omitempty"`
	Store  string           `json:"store"`
	Path   string           `json:"path"`
	Untold []operate.Untold `json:"untold,omitempty" doc:"What webhooks, commands and workloads were not told yet, or never."`
	Events []operate.Event  `json:"events"` // the newest first
	// Can are the actions that its state and the caller's role allow.
	Can []string `json:"can"`
}

// tell is what is known of one credential.
func (c *Console) tell(ctx context.Context, id string) (Told, *rotation.Credential, error) {
	desk := c.Desk()
	cred, err := desk.Credential(id)
	if err != nil {
		return Told{}, nil, err
	}
	rows, err := desk.Glance(ctx, []*rotation.Credential{cred})
	if err != nil {
		return Told{}, nil, err
	}
	t := Told{Row: rows[0], Target: cred.Target, Store: cred.Place.Store, Path: cred.Place.Path, Can: []string{}}
	if cred.Pair != nil {
		t.Second = cred.Pair.Targets[1].Target
	}
	for _, a := range offered(t.Row, callerOf(ctx)) {
		t.Can = append(t.Can, a.Name)
	}
	if t.Untold, err = desk.Untold(ctx, cred); err != nil {
		return Told{}, nil, err
	}
	t.Events, _, err = desk.Recent(ctx, operate.EventQuery{IDs: []string{id}}, "", 100)
	if t.Events == nil {
		t.Events = []operate.Event{}
	}
	return t, cred, err
}

type idInput struct {
	ID string `path:"id" maxLength:"200"`
}

func (c *Console) getCredential(ctx context.Context, in *idInput) (*body[Told], error) {
	t, _, err := c.tell(ctx, in.ID)
	if err != nil {
		return nil, told(err)
	}
	return &body[Told]{t}, nil
}

type eventsInput struct {
	Credentials []string  `query:"credential,explode" maxItems:"100"`
	Accounts    []string  `query:"account,explode" maxItems:"100"`
	Types       []string  `query:"type,explode" maxItems:"30"`
	Owner       string    `query:"owner" maxLength:"200"`
	Labels      []string  `query:"label,explode" maxItems:"20"`
	Since       time.Time `query:"since"`
	Before      string    `query:"before" maxLength:"40" doc:"next of the page before"`
	Limit       int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

func (in *eventsInput) query() (operate.EventQuery, error) {
	marks, err := marksOf(in.Owner, in.Labels)
	return operate.EventQuery{IDs: in.Credentials, Accounts: in.Accounts, Types: in.Types, Since: in.Since, Marks: marks}, err
}

// Happened are events, and where the list goes on.
type Happened struct {
	Events []operate.Event `json:"events"`
	Next   string          `json:"next,omitempty"`
}

func (c *Console) getEvents(ctx context.Context, in *eventsInput) (*body[Happened], error) {
	q, err := in.query()
	if err != nil {
		return nil, told(err)
	}
	h := Happened{}
	if h.Events, h.Next, err = c.Desk().Recent(ctx, q, in.Before, in.Limit); err != nil {
		return nil, told(err)
	}
	if h.Events == nil {
		h.Events = []operate.Event{}
	}
	return &body[Happened]{h}, nil
}

type unpauseInput struct {
	Account string `path:"account" maxLength:"200"`
}

func (c *Console) postUnpause(ctx context.Context, in *unpauseInput) (*body[operate.Unpaused], error) {
	who, desk := callerOf(ctx), c.Desk()
	all, err := desk.Unpause(ctx, []string{in.Account})
	c.record(ctx, "unpause", in.Account, "lifted", err)
	if err != nil {
		return nil, told(err)
	}
	c.noted(ctx, desk.Chronicle.NoteAsked(ctx, nil, in.Account, "unpause", who.By(), ""))
	return &body[operate.Unpaused]{all[0]}, nil
}
