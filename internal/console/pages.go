package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"keyturn/internal/operate"
)

//go:embed static
var static embed.FS

// pages registers what people look at. Each works without a script.
func (c *Console) pages(mux *http.ServeMux) {
	mux.Handle("GET /static/", http.FileServerFS(static))
	mux.HandleFunc("GET /login", c.loginPage)
	mux.HandleFunc("POST /login", c.login)
	mux.HandleFunc("POST "+oidcPath, c.begin)
	mux.HandleFunc("GET "+callbackPath, c.finish)
	mux.HandleFunc("POST /logout", c.form(Viewer, c.logout))
	mux.HandleFunc("GET /{$}", c.fleetPage)
	mux.HandleFunc("GET /work", c.workPage)
	mux.HandleFunc("GET /credentials", c.credentialsPage)
	mux.HandleFunc("GET /credentials/{id}", c.credentialPage)
	mux.HandleFunc("GET /plan", c.planPage)
	mux.HandleFunc("GET /freezes", c.freezesPage)
	mux.HandleFunc("POST /freezes", c.form(Operator, c.freezeForm))
	mux.HandleFunc("POST /freezes/thaw", c.form(Operator, c.thawForm))
	mux.HandleFunc("GET /contacts", c.contactsPage)
	mux.HandleFunc("POST /contacts/{name}", c.form(Operator, c.contactsForm))
	mux.HandleFunc("GET /events", c.eventsPage)
	mux.HandleFunc("POST /rotations", c.form(Operator, c.manyForm))
	for _, a := range actions {
		mux.HandleFunc("POST /credentials/{id}/"+a.Name, c.form(a.Role, func(w http.ResponseWriter, r *http.Request) { c.actForm(w, r, a) }))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c.refuse(w, r, http.StatusNotFound, "there is nothing here")
	})
}

// form lets a form of ours in, from who has the role.
func (c *Console) form(role Role, do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who := callerOf(r.Context())
		switch err := r.ParseForm(); {
		case err != nil:
			c.say(w, r, http.StatusBadRequest, "the form cannot be read")
		case who.csrf == "" || !same(r.PostForm.Get("csrf"), who.csrf):
			c.say(w, r, http.StatusForbidden, "the form is not of your session: load the page again")
		case who.Role < role:
			c.record(r.Context(), path.Base(r.URL.Path), r.PathValue("id"), "", errRole(role))
			c.say(w, r, http.StatusForbidden, "you are "+who.Role.String()+": "+errRole(role).Error())
		default:
			do(w, r)
		}
	}
}

func (c *Console) loginPage(w http.ResponseWriter, r *http.Request) {
	c.loginForm(w, r, http.StatusOK, local(r.URL.Query().Get("next")), "")
}

// entrance is what the page of logins shows.
type entrance struct {
	Next, Why string
	OIDC      *OIDC
	Silent    bool // the issuer did not answer the last time
}

func (c *Console) loginForm(w http.ResponseWriter, r *http.Request, status int, next, why string) {
	page := entrance{Next: next, Why: why, OIDC: c.OIDC()}
	page.Silent = page.OIDC != nil && page.OIDC.silent.Load() && why == ""
	c.render(w, r, status, "login", "Log in", page)
}

// local is where a login leads: a page of ours.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.Contains(next, `\`) {
		return "/"
	}
	return next
}

const tooMany = "Too many logins from your address: wait a minute."

func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	again := func(status int, why string) { c.loginForm(w, r, status, local(r.PostFormValue("next")), why) }
	if !c.ours(r) {
		again(http.StatusForbidden, "The form comes from another page.")
		return
	}
	digest := Digest(sha256.Sum256([]byte(strings.TrimSpace(r.PostFormValue("token")))))
	name, role, known := c.Tokens(digest)
	switch {
	case !c.limits.allow("guess "+c.from(r), perGuess):
		again(http.StatusTooManyRequests, tooMany)
	case !known || role == None || digest == sha256.Sum256(nil):
		c.Log.InfoContext(r.Context(), "audit", "operation", "login", "from", c.from(r), "outcome", "refused")
		again(http.StatusUnauthorized, "No such token is in the configuration.")
	default:
		if err := c.open(r.Context(), w, session{Digest: hex.EncodeToString(digest[:])}); err != nil {
			again(http.StatusServiceUnavailable, "Redis does not answer: try again.")
			return
		}
		c.Log.InfoContext(r.Context(), "audit", "operation", "login", "by", name, "role", role.String(), "from", c.from(r), "outcome", "done")
		http.Redirect(w, r, local(r.PostFormValue("next")), http.StatusSeeOther)
	}
}

func (c *Console) logout(w http.ResponseWriter, r *http.Request) {
	c.record(r.Context(), "logout", "", "done", nil)
	if err := c.end(w, r); err != nil {
		c.say(w, r, http.StatusServiceUnavailable, "Redis does not answer: your session lasts until it does, or for 12 hours")
		return
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// worklist is what needs a person, and why that may not be all.
type worklist struct {
	Causes  []operate.Cause
	Unknown string
}

func (c *Console) workPage(w http.ResponseWriter, r *http.Request) {
	desk := c.Desk()
	o, err := c.overview(r.Context())
	var causes []operate.Cause
	if err == nil {
		causes, err = desk.WorkList(r.Context(), o)
	}
	if err != nil {
		c.away(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, "work", "Work list", worklist{causes, o.Unknown})
}

// listed is a page of credentials, with what was asked for.
type listed struct {
	operate.Found
	Query    findInput
	State    string
	Account  string
	States   []operate.State
	Accounts []string
	More     string // address of the next page
	// All says that everything that matches can be rotated by one request: nothing but what credentials are filed under was asked for.
	All bool
}

func (c *Console) credentialsPage(w http.ResponseWriter, r *http.Request) {
	ask := r.URL.Query()
	in := findInput{Text: ask.Get("q"), Owner: ask.Get("owner"), Labels: given(ask["label"]), Accounts: given(ask["account"]), States: given(ask["state"]), Sort: ask.Get("sort"), After: ask.Get("after"), Limit: 100}
	desk := c.Desk()
	page := listed{Query: in, State: ask.Get("state"), Account: ask.Get("account"), States: shownStates, Accounts: accountNames(desk)}
	page.All = in.Text == "" && in.Sort == "" && len(in.States) == 0 && len(in.Accounts) < 2 && (page.Account != "" || in.Owner != "" || len(in.Labels) > 0)
	f, err := in.filter()
	if err == nil {
		page.Found, err = desk.Find(r.Context(), f)
	}
	if err != nil {
		c.failed(w, r, err)
		return
	}
	if page.Next != "" {
		ask.Set("after", page.Next)
		page.More = "/credentials?" + ask.Encode()
	}
	c.render(w, r, http.StatusOK, "credentials", "Credentials", page)
}

// given leaves out what a form sends for a field that is empty.
func given(values []string) []string {
	var all []string
	for _, v := range values {
		if v != "" {
			all = append(all, v)
		}
	}
	return all
}

// one is a credential's page.
type one struct {
	Told
	Actions []action
	Asked   string // what has just been asked for
}

func (c *Console) credentialPage(w http.ResponseWriter, r *http.Request) {
	t, _, err := c.tell(r.Context(), r.PathValue("id"))
	if err != nil {
		c.failed(w, r, err)
		return
	}
	page := one{Told: t, Actions: offered(t.Row, callerOf(r.Context()))}
	if a, ok := actionOf(r.URL.Query().Get("asked")); ok && c.justAsked(r, t.Events, a) {
		page.Asked = a.Title
	}
	c.render(w, r, http.StatusOK, "credential", t.Credential, page)
}

// justAsked tells whether the caller asked for an action a moment ago, and not only a link says so.
func (c *Console) justAsked(r *http.Request, events []operate.Event, a action) bool {
	by, now := callerOf(r.Context()).By(), c.Desk().Clock.Now()
	return slices.ContainsFunc(events, func(e operate.Event) bool {
		return e.Type == operate.EventAsked && e.Reason == a.Name && e.AskedBy == by && now.Sub(e.At) < 10*time.Minute
	})
}

func (c *Console) actForm(w http.ResponseWriter, r *http.Request, a action) {
	wish := wish{id: r.PathValue("id"), confirm: r.PostForm.Get("confirm"), force: r.PostForm.Get("force") == "yes"}
	if _, err := c.perform(r.Context(), a, wish); err != nil {
		c.failed(w, r, err)
		return
	}
	http.Redirect(w, r, "/credentials/"+url.PathEscape(wish.id)+"?asked="+a.Name, http.StatusSeeOther)
}

// happened is a page of events.
type happened struct {
	Happened
	Type, Account string
	Types         []string
	Accounts      []string
	More, JSON    string
}

func (c *Console) eventsPage(w http.ResponseWriter, r *http.Request) {
	ask := r.URL.Query()
	in := eventsInput{Types: given(ask["type"]), Accounts: given(ask["account"]), Credentials: given(ask["credential"]), Owner: ask.Get("owner"), Labels: given(ask["label"])}
	q, err := in.query()
	desk := c.Desk()
	page := happened{Type: ask.Get("type"), Account: ask.Get("account"), Types: operate.EventTypes(), Accounts: accountNames(desk)}
	if err == nil {
		page.Events, page.Next, err = desk.Recent(r.Context(), q, ask.Get("before"), 100)
	}
	if err != nil {
		c.failed(w, r, err)
		return
	}
	api := url.Values{"type": in.Types, "account": in.Accounts, "credential": in.Credentials}
	page.JSON = "/v1/events?" + api.Encode()
	if page.Next != "" {
		ask.Set("before", page.Next)
		page.More = "/events?" + ask.Encode()
	}
	c.render(w, r, http.StatusOK, "events", "Events", page)
}

// failed shows why something could not be had or done.
func (c *Console) failed(w http.ResponseWriter, r *http.Request, err error) {
	var open unconfirmed
	switch operate.KindOf(err) {
	case operate.Absent:
		c.say(w, r, http.StatusNotFound, operate.Plain(err.Error()))
	case operate.Invalid:
		c.say(w, r, http.StatusUnprocessableEntity, operate.Plain(err.Error()))
	case operate.Conflict:
		c.say(w, r, http.StatusConflict, operate.Plain(err.Error()))
	default:
		if errors.As(err, &open) {
			c.say(w, r, http.StatusUnprocessableEntity, err.Error())
			return
		}
		c.away(w, r, err)
	}
}

// away says what is still true while Redis does not answer.
func (c *Console) away(w http.ResponseWriter, r *http.Request, err error) {
	c.say(w, r, http.StatusServiceUnavailable, "Redis does not answer: "+operate.Plain(err.Error())+
		". Passwords in Vault stay as they are and keep working; rotations wait until it is back. `rotatectl status` reads Vault itself.")
}
