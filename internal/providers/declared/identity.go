package declared

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"keyturn/internal/httpx"
	"keyturn/internal/providers/lenient"
	"keyturn/internal/providers/spelling"
	"keyturn/internal/rotation"
)

// minter is what a client is where the provider holds several identities at once.
type minter struct{ *client }

var (
	errID  = errors.New("this is no id of an identity")
	errOwn = errors.New("this is the key that the account calls with: it is not retired")

	// idForm is what an id may look like: it stands in a journal, in paths and in what people read.
	idForm = regexp.MustCompile(`^[A-Za-z0-9._:@-]{1,128}$`)
)

// Mint implements rotation.Minter. A password that the reply shows is returned whatever else is wrong with it, if the
// identity can be told: one that cannot could not be retired, and the list has it.
func (c minter) Mint(ctx context.Context, target string, label rotation.Label) (rotation.Identity, error) {
	reply, v, err := c.send(ctx, &c.call, target, values{label: spelling.Label(label)})
	if reply == nil {
		return rotation.Identity{}, err
	}
	made, ours := c.shown.identity(reply, &v)
	judged := err
	if err == nil {
		judged = c.call.answer.judge(reply, v)
	}
	made.Synced = made.Synced && c.live(reply, v, judged)
	whole := made.ID != "" && made.Username != "" && !made.Password.IsZero()
	if !whole || !ours {
		made = rotation.Identity{}
	}
	return made, c.shownBeside(reply, whole, ours, judged)
}

// Identities implements rotation.Minter. The key that the account calls with is never among them.
func (c minter) Identities(ctx context.Context, target, owner string, turn func(context.Context) error) ([]string, error) {
	if err := turn(ctx); err != nil {
		return nil, err
	}
	reply, v, err := c.send(ctx, &c.listing.operation, target, values{})
	if err != nil {
		return nil, err
	}
	if err := c.listing.answer.judge(reply, v); err != nil {
		return nil, err
	}
	ids, whole := c.listing.identities(reply.Body, owner)
	if !whole {
		return nil, reply.Malformed("the answer has no list, or one of an identity without an id")
	}
	return slices.DeleteFunc(ids, c.own), nil
}

// Retire implements rotation.Minter. Where an identity has to be disabled first, it is retired once that is proven.
func (c minter) Retire(ctx context.Context, target, id string) error {
	switch {
	case !isID(id):
		return c.refuse(&c.retiring, errID)
	case c.own(id):
		return c.refuse(&c.retiring, errOwn)
	}
	if c.disables {
		if err := c.take(ctx, &c.disabling, target, id); err != nil {
			return err
		}
	}
	return c.take(ctx, &c.retiring, target, id)
}

// Disable implements rotation.Disabler.
func (c minter) Disable(ctx context.Context, target, id string) error {
	switch {
	case !isID(id):
		return c.refuse(&c.disabling, errID)
	case c.own(id):
		return c.refuse(&c.disabling, errOwn)
	}
	return c.take(ctx, &c.disabling, target, id)
}

// Enable implements rotation.Disabler.
func (c minter) Enable(ctx context.Context, target, id string) error {
	if !isID(id) {
		return c.refuse(&c.enabling, errID)
	}
	return c.take(ctx, &c.enabling, target, id)
}

// Own implements rotation.Disabler.
func (c minter) Own(id string) bool { return c.own(id) }

// take makes one of the calls about one identity.
func (c minter) take(ctx context.Context, o *operation, target, id string) error {
	reply, v, err := c.send(ctx, o, target, values{id: id})
	if err != nil {
		return err
	}
	return o.answer.judge(reply, v)
}

// own reports whether an identity is the key that the account calls with: its id is that key, or a part of it between dots.
func (c *client) own(id string) bool {
	for _, key := range c.keys {
		if slices.Contains(strings.Split(key.Reveal(), "."), id) {
			return true
		}
	}
	return false
}

func isID(text string) bool { return idForm.MatchString(text) && strings.Trim(text, ".") != "" }

// identity finds an identity in a reply, however it is wrapped, and notes in v what no error may show. ours is false if
// the reply is about another one.
func (s *shown) identity(reply *httpx.Reply, v *values) (made rotation.Identity, ours bool) {
	issued, ours := s.read(reply, *v)
	made = rotation.Identity{Password: issued.Password, Synced: issued.Synced}
	if derive := derivations[s.derive]; derive != nil && !made.Password.IsZero() {
		v.raw, made.Password = made.Password, derive(made.Password, v.region)
	}
	v.password = made.Password
	found := lenient.Read(reply.Body)
	if id := textOf(found, s.id); isID(id) {
		made.ID, v.id = id, id
	}
	made.Username = textOf(found, s.username)
	if s.login != nil {
		made.Username = s.login.text(*v)
	}
	return made, ours
}

// textOf is the first of the fields that an answer has.
func textOf(found lenient.Answer, names []string) (text string) {
	for _, name := range names {
		text = cmp.Or(text, found.Text(name))
	}
	return text
}
