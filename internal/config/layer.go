package config

import (
	"time"

	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
)

// layer is what defaults, an account and a credential may each say; the nearer one wins.
type layer struct{ policy, schedule, verify, first, store, grace, owner, labels, notify *document.Value }

// inherited is the sum of layers.
type inherited struct {
	policy   *userPolicy   // nil: the provider's own rule
	schedule *userSchedule // nil: none was given
	verify   verification
	verified bool // verify was said, if only to be off
	first    rotation.First
	store    string
	grace    time.Duration // of a pair
	marks    *rotation.Marks
	notify   []Notify
}

var defaultFields = fields[layer]{
	{"policy", func(_ *loader, y *layer, v *document.Value) { y.policy = v }},
	{"schedule", func(_ *loader, y *layer, v *document.Value) { y.schedule = v }},
	{"verify", func(_ *loader, y *layer, v *document.Value) { y.verify = v }},
	{"first", func(_ *loader, y *layer, v *document.Value) { y.first = v }},
	{"store", func(_ *loader, y *layer, v *document.Value) { y.store = v }},
	{"grace", func(_ *loader, y *layer, v *document.Value) { y.grace = v }},
}

// inherit puts a layer over a base. provider is nil for the defaults, which hold for all.
func (l *loader) inherit(base inherited, over layer, provider *rotation.Provider) inherited {
	base.marks = l.marks(base.marks, over.owner, over.labels)
	if provider != nil && provider.Mode == rotation.ModeContacts {
		over.refuse(provider)
		return base
	}
	if over.policy != nil {
		if provider != nil && provider.Mode != rotation.ModeSetter {
			over.policy.FailKey("leave it out", "%s makes its passwords itself", provider.Code)
		} else {
			base.policy = l.policyName(over.policy)
		}
	}
	if over.schedule != nil {
		base.schedule = l.schedule(over.schedule, l.cfg.Timing.MinInterval)
	}
	if over.verify != nil {
		base.verify, base.verified = l.verify(base.verify, over.verify), true
	}
	if over.first != nil {
		base.first = rotation.First(over.first.OneOf(firstNames...))
	}
	if over.store != nil {
		base.store = l.storeName(over.store)
	}
	if over.grace != nil {
		base.grace = over.grace.Duration()
	}
	if over.notify != nil {
		base.notify = l.notify(over.notify)
	}
	return base
}

// refuse reports what only credentials inherit: there are none.
func (y layer) refuse(provider *rotation.Provider) {
	for _, v := range []*document.Value{y.policy, y.schedule, y.verify, y.first, y.store, y.grace, y.notify} {
		if v != nil {
			v.FailKey("leave it out", "%s rotates nothing", provider.Code)
		}
	}
}

// firstNames are the values of first, in the order of rotation.First.
var firstNames = []string{rotation.FirstManual.String(), rotation.FirstNow.String(), rotation.FirstScheduled.String()}
