package declared

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"keyturn/internal/httpx"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// Attempt is one call that is tried.
type Attempt struct {
	Call     string // of a minter; "" for the one call of others
	Target   string
	Password secret.Value   // that a setter is told
	Label    rotation.Label // of what a minter makes; of list, its owner
	ID       string         // of what is retired
}

// Trial is one call that was made to see what a description makes of the answer. It holds no secret, and of the answer
// only what the description looked for, and names of fields.
type Trial struct {
	Status int      // of the answer; 0 if there was none
	Looked []Looked // for what the description has, in its order
	Fields []string // what the answer has, by path
	Row    int      // line of the row that matches; 0 if none does
	Shown  bool     // an issuer's or a minter's answer shows a password
	Synced bool     // and says, or does not deny, that it is live
	ID     string   // of the identity that a minter's answer shows
	Items  int      // how many a list has
	IDs    []string // and those among them that carry the label
	Err    error    // nil for a success
}

// Looked is one thing that a description looks for in an answer.
type Looked struct {
	What  string `json:"what"`
	Found bool   `json:"found"`
}

// Preview is the request of a call, as the examples have theirs: keys and password are their names in capitals.
func (d *Description) Preview(ctx context.Context, endpoint, region string, a Attempt) (string, error) {
	one := sent{call: a.Call, target: a.Target, region: region, password: "PASSWORD", label: a.Label, id: a.ID}
	c, _, err := d.playAt(ctx, endpoint, one, told{status: http.StatusOK})
	if c.sent == nil {
		return "", err
	}
	return c.text(), nil
}

// Try makes the call once.
func (d *Description) Try(ctx context.Context, s rotation.Settings, a Attempt) (Trial, error) {
	c, err := d.connect(s)
	if err != nil {
		return Trial{}, err
	}
	var t Trial
	c.watch = func(o *operation, reply *httpx.Reply, v values) {
		t.Looked, t.Row = nil, 0 // of an answer before: to retire may take two calls
		t.look(&o.answer, reply, v)
		if a.Call == CallList {
			t.count(&d.listing, reply)
		}
	}
	var made rotation.Identity
	switch {
	case d.mode == rotation.ModeIssuer:
		var issued rotation.Issued
		issued, t.Err = issuer{c}.Issue(ctx, a.Target)
		made = rotation.Identity{Password: issued.Password, Synced: issued.Synced}
	case d.mode == rotation.ModeSetter:
		t.Err = setter{c}.Set(ctx, a.Target, a.Password)
	case a.Call == CallList:
		t.IDs, t.Err = minter{c}.Identities(ctx, a.Target, d.ownerOf(a.Label), func(context.Context) error { return nil })
	case a.Call == CallRetire:
		t.Err = minter{c}.Retire(ctx, a.Target, a.ID)
	default:
		made, t.Err = minter{c}.Mint(ctx, a.Target, a.Label)
	}
	t.ID, t.Shown, t.Synced = made.ID, !made.Password.IsZero(), made.Synced
	return t, nil
}

// ownerOf is whose identities a list names: all where these carry no label.
func (d *Description) ownerOf(label rotation.Label) string {
	if d.listing.label == nil {
		return ""
	}
	return label.Owner
}

// count notes how long a list is.
func (t *Trial) count(l *listing, reply *httpx.Reply) {
	if root, err := l.answer.decode(reply.Body); err == nil {
		items, _ := l.found(root)
		t.Items = len(items)
	}
}

// look notes what a description sees in an answer.
func (t *Trial) look(a *answer, reply *httpx.Reply, v values) {
	t.Status = reply.Status
	if a.bareSuccess(reply.Status, reply.Body) {
		t.Looked = append(t.Looked, Looked{"success " + statuses(a.statuses), true}, Looked{"success has no body", true})
		return
	}
	root, err := a.decode(reply.Body)
	if err != nil {
		root = nil
	}
	for _, p := range a.whole {
		t.Looked = append(t.Looked, Looked{"whole " + strings.Join(p, "."), !slices.ContainsFunc(find(root, p), missing)})
	}
	t.Looked = append(t.Looked, Looked{"success " + statuses(a.statuses), slices.Contains(a.statuses, reply.Status)})
	for _, c := range a.success {
		t.Looked = append(t.Looked, Looked{"success " + c.says(v), root != nil && c.holds(root, v)})
	}
	for _, p := range a.code {
		t.Looked = append(t.Looked, Looked{"code " + strings.Join(p, "."), one(root, p) != ""})
	}
	if row := a.read(reply.Status, reply.Body, v).row; row != nil {
		t.Row = row.at.Line
	}
	t.Fields = fieldsOf(root, v)
}

func statuses(all []int) string {
	texts := make([]string, len(all))
	for i, status := range all {
		texts[i] = strconv.Itoa(status)
	}
	return "status " + strings.Join(texts, " or ")
}

// says is a condition in words.
func (c condition) says(v values) string {
	name := strings.Join(c.path, ".")
	switch c.test {
	case given:
		return name + " is given"
	case absent:
		return name + " is absent"
	default:
		texts := make([]string, len(c.texts))
		for i, t := range c.texts {
			texts[i] = strconv.Quote(t.text(v))
		}
		return fmt.Sprintf("%s is %s", name, strings.Join(texts, " or "))
	}
}

// mostFields bounds what is shown of an answer.
const mostFields = 20

// fieldsOf names the fields of an answer, without what stands in them.
func fieldsOf(root tree, v values) []string {
	var all []string
	var walk func(at string, root tree)
	walk = func(at string, root tree) {
		below := func(name string, child tree) { walk(strings.TrimPrefix(at+"."+name, "."), child) }
		switch root := root.(type) {
		case map[string]tree:
			for _, name := range slices.Sorted(maps.Keys(root)) {
				below(v.clean(name), root[name])
			}
		case []tree:
			for i, child := range root {
				below(strconv.Itoa(i), child)
			}
		default:
			if at != "" && len(all) < mostFields {
				all = append(all, at)
			}
		}
	}
	walk("", root)
	return all
}
