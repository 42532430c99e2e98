package declared

import (
	"maps"
	"slices"
	"time"

	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
)

// examples are the tests in a description.
type examples struct {
	requests []sent
	answers  []told
}

// sent is a call, and the request that it makes.
type sent struct {
	call                         string // of a minter; callMain of others
	target, region, password, id string
	label                        rotation.Label // none is that of the examples
	want                         string
	at                           document.Error
}

// told is an answer, and what it means.
type told struct {
	call    string // as of sent
	status  int
	headers map[string]string
	body    string
	success bool
	kind    rotation.Kind
	wait    time.Duration
	shows   string // the password in it

	id, username string   // of the identity that a minter shows
	lists        []string // ids that a minter lists

	source string
	at     document.Error
}

// readExamples reads the examples of a description that is right in everything else.
func (d *Description) readExamples(v *document.Value) {
	if !v.Only("requests", "answers") {
		return
	}
	v.Require("requests", "answers")
	if c := v.Child("requests"); c != nil {
		for _, item := range c.Items() {
			d.examples.requests = append(d.examples.requests, d.readSent(item))
		}
		for _, call := range d.calls() {
			if d.example(call) == nil {
				c.Fail("", "must have an example%s", ofCall(call))
			}
		}
	}
	c := v.Child("answers")
	if c == nil {
		return
	}
	success, refusal := map[string]bool{}, false
	for _, item := range c.Items() {
		one := d.readTold(item)
		success[one.call] = success[one.call] || one.success
		refusal = refusal || !one.success
		d.examples.answers = append(d.examples.answers, one)
	}
	for _, call := range d.calls() {
		if !success[call] || !refusal {
			c.Fail("", "must have a success%s and a refusal", ofCall(call))
		}
	}
	shows := func(one told) bool { return len(one.lists) > 0 }
	if d.mode == rotation.ModeMinter && !slices.ContainsFunc(d.examples.answers, shows) {
		c.Fail("say which under lists", "must have a list that shows an identity")
	}
}

// calls are those that an example may be of.
func (d *Description) calls() []string {
	switch {
	case d.mode != rotation.ModeMinter:
		return []string{callMain}
	case d.enables:
		return []string{CallMint, CallList, CallDisable, CallEnable, CallRetire}
	case d.disables:
		return []string{CallMint, CallList, CallDisable, CallRetire}
	}
	return []string{CallMint, CallList, CallRetire}
}

func ofCall(call string) string {
	if call == callMain {
		return ""
	}
	return " of " + call
}

// example is the first request of a call; nil if there is none.
func (d *Description) example(call string) *sent {
	if i := slices.IndexFunc(d.examples.requests, func(one sent) bool { return one.call == call }); i >= 0 {
		return &d.examples.requests[i]
	}
	return nil
}

// readCallOf reads which call an example is of.
func (d *Description) readCallOf(v *document.Value) string {
	calls := d.calls()
	c := v.Child("call")
	switch {
	case c == nil:
		return calls[0]
	case d.mode != rotation.ModeMinter:
		c.FailKey("leave it out", "does not go with mode: %s", d.mode)
		return calls[0]
	}
	return calls[c.OneOf(calls...)]
}

func (d *Description) readSent(v *document.Value) sent {
	one := sent{at: v.Place()}
	if !v.Only("call", "target", "region", "password", "id", "sends") {
		return one
	}
	v.Require("target", "sends")
	one.call = d.readCallOf(v)
	for name, into := range map[string]*string{"target": &one.target, "region": &one.region, "password": &one.password, "id": &one.id, "sends": &one.want} {
		if c := v.Child(name); c != nil {
			*into = c.Text()
			if name == "region" && d.in(one.region).name != one.region {
				c.Fail("", "there is no region %q", one.region)
			}
		}
	}
	switch {
	case d.mode == rotation.ModeSetter && one.password == "":
		v.FailIn("password", "any that the rule allows", "is missing")
	case d.mode != rotation.ModeSetter && one.password != "":
		v.FailIn("password", "leave it out", "is not sent")
	}
	if aboutOne(one.call) != isID(one.id) {
		v.FailIn("id", "of the identity that is retired", "goes with call: %s, and must look like an id", CallRetire)
	}
	if c := v.Child("target"); c != nil {
		if _, err := d.target.canonical(one.target); err != nil {
			c.Fail("", "is refused: %v", err)
		}
	}
	return one
}

func (d *Description) readTold(v *document.Value) told {
	one := told{at: v.Place(), headers: map[string]string{}}
	if !v.Only("call", "status", "headers", "body", "means", "wait", "shows", "id", "username", "lists", "source", "guessed") {
		return one
	}
	v.Require("status", "means")
	one.call = d.readCallOf(v)
	if c := v.Child("status"); c != nil {
		one.status = c.Integer(200, 599)
	}
	if c := v.Child("headers"); c != nil {
		for _, header := range c.Entries() {
			if one.headers[header.Name()] = scalar(header); !headerName.MatchString(header.Name()) {
				header.FailKey("", "is not the name of a header")
			}
		}
	}
	if c := v.Child("body"); c != nil && c.Is(document.Text) {
		one.body = c.Raw()
	}
	if c := v.Child("means"); c != nil {
		kinds := maps.Clone(d.rules().kinds())
		delete(kinds, "gone") // is a success
		names := append([]string{"success"}, sortedKeys(kinds)...)
		means := names[c.OneOf(names...)]
		one.success, one.kind = means == "success", kinds[means]
	}
	if c := v.Child("wait"); c != nil {
		one.wait = c.Duration()
	}
	d.readShownBy(v, &one)
	one.source = readSource(v, sortedKeys(d.Sources))
	return one
}

// readShownBy reads what an answer shows.
func (d *Description) readShownBy(v *document.Value, one *told) {
	for name, into := range map[string]*string{"shows": &one.shows, "id": &one.id, "username": &one.username} {
		c := v.Child(name)
		if c == nil {
			continue
		}
		*into = c.Text()
		if d.mode == rotation.ModeSetter || name != "shows" && one.call != CallMint {
			c.FailKey("leave it out", "does not go with mode: %s", d.mode)
		}
	}
	if c := v.Child("lists"); c != nil {
		one.lists = c.Texts()
		if one.call != CallList {
			c.FailKey("leave it out", "goes with call: %s", CallList)
		}
	}
}
