package declared

import (
	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
)

// callMain is the one call of a setter or an issuer.
const callMain = ""

// The calls of a minter, as a description names them.
const (
	CallMint    = "mint"
	CallList    = "list"
	CallRetire  = "retire"
	CallDisable = "disable" // the first half of retiring, where a provider wants one
	CallEnable  = "enable"  // undoes it
)

// aboutOne tells whether a call is about one identity that there is.
func aboutOne(call string) bool {
	return call == CallRetire || call == CallDisable || call == CallEnable
}

// operation is one call: what is sent, and what an answer to it means.
type operation struct {
	name    string // what errors and metrics call it
	request request
	answer  answer
}

// operations are all that the description has.
func (d *Description) operations() []*operation {
	all := []*operation{&d.call}
	if d.mode == rotation.ModeMinter {
		all = append(all, &d.listing.operation, &d.retiring)
	}
	if d.disables {
		all = append(all, &d.disabling)
	}
	if d.enables {
		all = append(all, &d.enabling)
	}
	return all
}

// operation returns the one that examples and rows call so.
func (d *Description) operation(call string) *operation {
	switch call {
	case CallList:
		return &d.listing.operation
	case CallRetire:
		return &d.retiring
	case CallDisable:
		return &d.disabling
	case CallEnable:
		return &d.enabling
	default:
		return &d.call
	}
}

// modeFields are the fields that only some modes have. The first one is the call that changes the password.
var modeFields = map[rotation.Mode]struct{ needs, wrong []string }{
	rotation.ModeSetter: {needs: []string{"set", "rule"}, wrong: []string{"issue", "mint", "list", "disable", "enable", "retire", "shows", "username"}},
	rotation.ModeIssuer: {needs: []string{"issue", "shows"}, wrong: []string{"set", "mint", "list", "disable", "enable", "retire", "rule", "username"}},
	rotation.ModeMinter: {needs: []string{"mint", "list", "retire", "shows"}, wrong: []string{"set", "issue", "rule", "pairs", "sends_as"}},
}

// readCall reads what is sent, and what the answer means.
func (d *Description) readCall(v *document.Value) {
	d.readScope(v)
	minter := d.mode == rotation.ModeMinter
	own := modeFields[d.mode]
	for _, other := range own.wrong {
		if c := v.Child(other); c != nil {
			c.FailKey("leave it out", "does not go with mode: %s", d.mode)
		}
	}
	v.Require(own.needs...)
	if c := v.Child("smtp"); c != nil && d.mail != nil {
		d.checkUsername(c)
	}
	var a auth
	if c := v.Child("auth"); c != nil {
		a = d.scope.readAuth(c)
	}
	if c := v.Child("answer"); c != nil {
		d.call.answer = d.scope.readAnswer(c, minter)
	}
	d.call.answer.signed = a.scheme != ""
	if c := v.Child("errors"); c != nil {
		d.rows = d.rules().readTable(c)
	}
	if minter {
		d.readMinter(v, a)
		return
	}
	d.call.answer.table = d.rows
	if c := v.Child("shows"); c != nil && d.mode == rotation.ModeIssuer {
		d.shown = d.scope.readShown(c)
	}
	if c := v.Child(own.needs[0]); c != nil {
		d.call.request = d.scope.readRequest(c)
		d.call.request.auth = a
		d.checkCall(c)
	}
}

// rules are what rows may name.
func (d *Description) rules() tableRules {
	t := tableRules{sources: sortedKeys(d.Sources), signed: d.call.answer.signed}
	if d.mode == rotation.ModeMinter {
		t.calls = []string{CallMint, CallList, CallRetire}
	}
	return t
}

// readScope finds out which slots every call may have.
func (d *Description) readScope(v *document.Value) {
	secretInURL := v.Child("secret_in_url")
	d.scope = scope{slots: []string{slotTarget}, secretInURL: secretInURL != nil && secretInURL.Boolean()}
	for _, part := range d.target.parts {
		d.scope.slots = append(d.scope.slots, partPrefix+part)
	}
	for _, key := range d.keys {
		d.scope.slots = append(d.scope.slots, keyPrefix+key)
	}
	if d.regions[0].name != "" {
		d.scope.slots = append(d.scope.slots, slotRegion)
	}
	if d.mode == rotation.ModeSetter {
		d.scope.slots = append(d.scope.slots, slotPassword)
	}
}

// checkUsername reports a user name that is said at the wrong place: an identity has one of its own.
func (d *Description) checkUsername(smtp *document.Value) {
	c := smtp.Child("username")
	switch {
	case d.mode != rotation.ModeMinter:
		smtp.Require("username")
	case c != nil:
		c.FailKey("say username beside smtp, or in shows", "does not go with mode: %s", d.mode)
	}
}

// checkCall holds the request that changes a password to what it has to say.
func (d *Description) checkCall(v *document.Value) {
	r := &d.call.request
	if !r.uses(slotTarget) && !r.uses(partPrefix) {
		v.Fail("put ${target}, or a part of it, into the path, the query or the body", "does not say whose password it changes")
	}
	if d.mode == rotation.ModeSetter && !r.uses(slotPassword) {
		v.Fail("put ${password} into the body", "does not send the password")
	}
	for _, key := range d.keys {
		if !r.uses(keyPrefix + key) {
			v.Fail("use ${"+keyPrefix+key+"}, or leave the key out", "does not use the key %q", key)
		}
	}
	if d.scope.secretInURL && !inURL(append(r.query, r.auth.query...)) {
		v.Fail("leave secret_in_url out", "has no secret in its query")
	}
}
