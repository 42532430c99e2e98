package console

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"keyturn/internal/operate"
)

//go:embed templates
var templates embed.FS

// views are the pages, each within the layout.
var views = func() map[string]*template.Template {
	layout := template.Must(template.New("layout.html").Funcs(template.FuncMap{
		"when": when, "until": until, "about": about, "pair": pair, "mark": mark, "grouped": operate.Grouped, "labels": labelsText, "bars": bars, "planned": planned, "times": times, "hourly": hourly, "troubles": troubles, "took": took, "share": share, "since": since, "upper": capital,
		"eventTypes": func() string { return strings.Join(operate.EventTypes(), " ") },
	}).ParseFS(templates, "templates/layout.html"))
	all := map[string]*template.Template{}
	for _, name := range []string{"login", "fleet", "work", "credentials", "credential", "events", "plan", "freezes", "contacts", "rotations", "message", "lead"} {
		all[name] = template.Must(template.Must(layout.Clone()).ParseFS(templates, "templates/"+name+".html"))
	}
	return all
}()

// view is what a template is given.
type view struct {
	Title, Name, Version string
	Who                  *Caller
	CSRF                 string
	Now                  time.Time
	Contacts             bool   // there are some to be asked
	Lead                 string // where the page leads by itself; "" if nowhere
	Data                 any
}

// render writes a page, whole or not at all.
func (c *Console) render(w http.ResponseWriter, r *http.Request, status int, name, title string, data any) {
	c.write(w, r, status, view{Title: title, Name: name, Data: data})
}

// lead is a page that leads to another one by itself, without a script. Who was logged in before it is not there any more.
func (c *Console) lead(w http.ResponseWriter, r *http.Request, title, address string) {
	r = r.WithContext(context.WithValue(r.Context(), callerKey{}, (*Caller)(nil)))
	c.write(w, r, http.StatusOK, view{Title: title, Name: "lead", Lead: address})
}

func (c *Console) write(w http.ResponseWriter, r *http.Request, status int, v view) {
	desk := c.Desk()
	v.Version, v.Who, v.Now, v.Contacts = c.Version, callerOf(r.Context()), desk.Clock.Now().UTC(), len(desk.Verifications) > 0
	if v.Who != nil {
		v.CSRF = v.Who.csrf
	}
	var page bytes.Buffer
	if err := views[v.Name].Execute(&page, v); err != nil {
		c.Log.ErrorContext(r.Context(), "a page cannot be rendered", "page", v.Name, "error", err)
		http.Error(w, "this page cannot be rendered: the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w)
}

// say is a page of one sentence.
func (c *Console) say(w http.ResponseWriter, r *http.Request, status int, text string) {
	c.render(w, r, status, "message", http.StatusText(status), text)
}

// when is an instant for people: how long ago or ahead, with the exact time beside it.
func when(at any, now time.Time) template.HTML {
	var t time.Time
	switch at := at.(type) {
	case time.Time:
		t = at
	case *time.Time:
		if at == nil {
			return "–"
		}
		t = *at
	}
	if t.IsZero() {
		return "–"
	}
	exact := t.UTC().Format("2006-01-02 15:04:05 UTC")
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, t.UTC().Format(time.RFC3339), exact, since(t, now))) //nolint:gosec // only numbers and words of ours
}

// until is an instant that matters as such, with how far it is away beside it.
func until(t, now time.Time) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>, %s`, t.UTC().Format(time.RFC3339), t.UTC().Format("2 Jan 15:04 UTC"), since(t, now))) //nolint:gosec // only numbers and words of ours
}

// since is how far an instant is away.
func since(t, now time.Time) string {
	d := now.Sub(t)
	text := span(d.Abs())
	switch {
	case text == "":
		return "now"
	case d < 0:
		return "in " + text
	}
	return text + " ago"
}

// span is a duration as people say it.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Second:
		return ""
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 2*day:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d/day))
}

// pair is two things for one template.
func pair(a, b any) [2]any { return [2]any{a, b} }

// about is how long something takes, for people.
func about(seconds float64) string {
	if text := span(time.Duration(seconds * float64(time.Second))); text != "" {
		return "about " + text
	}
	return "about a second"
}

// mark is the shape that stands before a state's word: colour alone tells nothing.
func mark(s operate.State) string {
	switch s {
	case operate.Healthy:
		return "●"
	case operate.Rotating:
		return "◐"
	case operate.InDoubt:
		return "◇"
	case operate.Quarantined:
		return "■"
	case operate.Refused, operate.Deleted:
		return "▲"
	case operate.Waiting, operate.Unread:
	}
	return "○"
}

// capital writes the first letter of a sentence large.
func capital(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// labelsText is labels in the order of their keys.
func labelsText(labels map[string]string) string {
	all := make([]string, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, key+"="+labels[key])
	}
	return strings.Join(all, ", ")
}

func accountNames(d *operate.Desk) []string { return slices.Sorted(maps.Keys(d.Accounts)) }
