package declared

import (
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
	target, region, password string
	want                     string
	at                       document.Error
}

// told is an answer, and what it means.
type told struct {
	status  int
	headers map[string]string
	body    string
	success bool
	kind    rotation.Kind
	wait    time.Duration
	shows   string // the password in it, at an issuer
	source  string
	at      document.Error
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
		if len(c.Children()) == 0 {
			c.Fail("", "must have an example")
		}
	}
	c := v.Child("answers")
	if c == nil {
		return
	}
	var success, refusal bool
	for _, item := range c.Items() {
		one := d.readTold(item)
		success, refusal = success || one.success, refusal || !one.success
		d.examples.answers = append(d.examples.answers, one)
	}
	if !success || !refusal {
		c.Fail("", "must have a success and a refusal")
	}
}

func (d *Description) readSent(v *document.Value) sent {
	one := sent{at: v.Place()}
	if !v.Only("target", "region", "password", "sends") {
		return one
	}
	v.Require("target", "sends")
	for name, into := range map[string]*string{"target": &one.target, "region": &one.region, "password": &one.password, "sends": &one.want} {
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
	case d.mode == rotation.ModeIssuer && one.password != "":
		v.FailIn("password", "leave it out", "is not sent")
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
	if !v.Only("status", "headers", "body", "means", "wait", "shows", "source", "guessed") {
		return one
	}
	v.Require("status", "means")
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
		names := append([]string{"success"}, sortedKeys(rowKinds)...)
		means := names[c.OneOf(names...)]
		one.success, one.kind = means == "success", rowKinds[means]
	}
	if c := v.Child("wait"); c != nil {
		one.wait = c.Duration()
	}
	if c := v.Child("shows"); c != nil {
		one.shows = c.Text()
		if d.mode != rotation.ModeIssuer {
			c.FailKey("leave it out", "does not go with mode: %s", d.mode)
		}
	}
	one.source = readSource(v, sortedKeys(d.Sources))
	return one
}
