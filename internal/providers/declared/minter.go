package declared

import (
	"slices"

	"keyturn/internal/config/document"
	"keyturn/internal/providers/spelling"
)

// listing is the call that names the identities of a target.
type listing struct {
	operation
	items path // of the list
	id    path // within an item
	label path // nil where identities carry none
}

// readMinter reads the calls of a minter.
func (d *Description) readMinter(v *document.Value, a auth) {
	made := d.scope.with(slotID)
	if c := v.Child("shows"); c != nil {
		d.shown = d.scope.with(slotLabel).readMade(c)
	}
	if c := v.Child("username"); c != nil {
		d.shown.login = made.parse(c, inHeader)
	}
	if (d.shown.login == nil) == (len(d.shown.username) == 0) {
		v.FailIn("username", "such as apikey, ${id} or ${target}; or shows.username, where the answer has it", "must be said once, here or in shows")
	}
	base := operation{answer: d.call.answer}
	base.request.auth = a
	name := d.call.name
	d.call, d.listing.operation, d.retiring, d.disabling, d.enabling = base, base, base, base, base
	d.call.name = name
	if c := v.Child(CallMint); c != nil {
		d.call.read(d.scope.with(slotLabel), c, d.rows, CallMint)
		d.checkCall(c)
	}
	if c := v.Child(CallList); c != nil {
		d.listing.read(d.scope, c, d.rows, CallList, "items", "id", "label")
		d.listing.readItems(c)
	}
	for _, call := range []string{CallDisable, CallEnable, CallRetire} {
		if c := v.Child(call); c != nil {
			d.disables, d.enables = d.disables || call == CallDisable, d.enables || call == CallEnable
			d.operation(call).readAway(made, c, d.rows, call)
		}
	}
	if c := v.Child(CallEnable); c != nil && !d.disables {
		c.FailKey("leave it out, or say how one is disabled", "goes with disable")
	}
	if mint, list := v.Child(CallMint), v.Child(CallList); mint != nil && list != nil {
		d.checkLabel(mint, list)
	}
}

// read reads one of a minter's calls.
func (o *operation) read(s scope, v *document.Value, rows []*row, call string, beside ...string) {
	beside = append(beside, "success")
	if call != CallMint {
		beside = append(beside, "call")
		v.Require("call")
		if c := v.Child("call"); c != nil {
			o.name = readCallName(c)
		}
	}
	a := o.request.auth
	o.request = s.readRequest(v, beside...)
	o.request.auth = a
	o.answer.table = of(call, rows)
	v.Require("success")
	if c := v.Child("success"); c != nil {
		o.answer.readSuccess(c, s, call)
	}
}

// readAway reads one of the calls that take an identity away.
func (o *operation) readAway(s scope, v *document.Value, rows []*row, call string) {
	o.read(s, v, rows, call)
	if !o.request.uses(slotID) {
		v.Fail("put ${id} into the path, the query or the body", "does not say which identity")
	}
}

// readItems reads where the identities stand in a list.
func (l *listing) readItems(v *document.Value) {
	v.Require("items", "id")
	for name, into := range map[string]*path{"items": &l.items, "id": &l.id, "label": &l.label} {
		c := v.Child(name)
		if c == nil {
			continue
		}
		if all := paths(c); len(all) != 1 || slices.Contains(all[0], "*") {
			c.Fail("give one path, without *", "must lead to one place")
		} else {
			*into = all[0]
		}
	}
}

// checkLabel sees to it that an identity is found again by what it was made with.
func (d *Description) checkLabel(mint, list *document.Value) {
	switch sent := d.call.request.uses(slotLabel); {
	case sent && d.listing.label == nil:
		list.FailIn("label", "the path of ${label} within an item", "is missing")
	case !sent && d.listing.label != nil:
		mint.Fail("put ${label} into it, or leave list.label out", "does not send ${label}")
	}
}

// readMade reads where the answer of a minter shows an identity.
func (s scope) readMade(v *document.Value) shown {
	all := s.readShown(v, "id", "username", "derive")
	v.Require("id")
	for name, into := range map[string]*[]string{"id": &all.id, "username": &all.username} {
		if c := v.Child(name); c != nil {
			*into = plainNames(c)
		}
	}
	if c := v.Child("derive"); c != nil {
		names := sortedKeys(derivations)
		if all.derive = names[c.OneOf(names...)]; !slices.Contains(s.slots, slotRegion) {
			c.Fail("list regions in place of endpoint", "depends on the region")
		}
	}
	return all
}

// identities are those of a list that carry a label of owner, or all where identities carry none. whole is false if the
// answer has no list, or one of an identity that cannot be told.
func (l *listing) identities(body []byte, owner string) (ids []string, whole bool) {
	root, err := l.answer.decode(body)
	if err != nil {
		return nil, false
	}
	items, found := l.found(root)
	for _, item := range items {
		id := one(item, l.id)
		if l.label != nil && !spelling.Labelled(one(item, l.label), owner) {
			continue
		}
		if !isID(id) {
			return nil, false
		}
		ids = append(ids, id)
	}
	return ids, found
}

// found are the items of a list. An element that repeats is a list of as many as there are, if what they stand in is there.
func (l *listing) found(root tree) (items []tree, whole bool) {
	last := len(l.items) - 1
	if !l.answer.repeats {
		items, whole = find(root, l.items)[0].([]tree)
		return items, whole
	}
	switch around := find(root, l.items[:last])[0].(type) {
	case string:
		return nil, around == ""
	case map[string]tree:
		switch one := around[l.items[last]].(type) {
		case nil:
			return nil, true
		case []tree:
			return one, true
		default:
			return []tree{one}, true
		}
	}
	return nil, false
}
