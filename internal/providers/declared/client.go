package declared

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"keyturn/internal/config/document"
	"keyturn/internal/httpx"
	"keyturn/internal/providers/lenient"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// client calls a described provider. It is safe for concurrent use.
type client struct {
	*Description
	http   *httpx.Client
	region string
	keys   map[string]secret.Value
	watch  func(*operation, *httpx.Reply, values) // sees each reply; nil but for a trial
	stamp  func() stamp
}

// setter and issuer are what a client is, by the mode of its description.
type (
	setter struct{ *client }
	issuer struct{ *client }
)

// Set implements rotation.Setter.
func (c setter) Set(ctx context.Context, target string, password secret.Value) error {
	reply, v, err := c.send(ctx, &c.call, target, values{password: password})
	if err != nil {
		return err
	}
	return c.call.answer.judge(reply, v)
}

// Issue implements rotation.Issuer. A password that the reply shows is returned whatever else is wrong with it: beside an
// error if the reply is not a success of this call.
func (c issuer) Issue(ctx context.Context, target string) (rotation.Issued, error) {
	reply, v, err := c.send(ctx, &c.call, target, values{})
	if reply == nil {
		return rotation.Issued{}, err
	}
	issued, ours := c.shown.read(reply, v)
	v.password = issued.Password // which no error may show
	judged := err
	if err == nil {
		judged = c.call.answer.judge(reply, v)
	}
	issued.Synced = issued.Synced && c.live(reply, v, judged)
	return issued, c.shownBeside(reply, !issued.Password.IsZero(), ours, judged)
}

// live reports whether nothing in a reply speaks against the password that it shows: it is then live where the provider
// says so, or says nothing of it.
func (c *client) live(reply *httpx.Reply, v values, judged error) bool {
	return (c.shown.synced != "" || judged == nil) && !c.call.answer.denied(reply, v)
}

// shownBeside is the error that comes beside what a reply shows. whole says that it shows all that is needed, ours that it
// is about what was asked for.
func (c *client) shownBeside(reply *httpx.Reply, whole, ours bool, judged error) error {
	switch {
	case !success(reply.Status), !whole:
		return cmp.Or(judged, error(reply.Malformed("the answer reports success but holds no password, or half of one")))
	case !ours:
		return reply.Malformed("the answer is about something else than was asked for")
	case judged != nil && rotation.AsError(judged).Kind != rotation.InDoubt:
		return judged
	}
	return nil // however it is wrapped, it was made: it is kept, and proven unless the answer says that it is live
}

func success(status int) bool { return status >= 200 && status <= 299 }

// send makes the one request of a call. v has what is not of the account or the target.
func (c *client) send(ctx context.Context, o *operation, target string, v values) (*httpx.Reply, values, error) {
	target, parts, err := c.target.read(target)
	if err != nil {
		return nil, v, c.refuse(o, err)
	}
	v.target, v.parts, v.region, v.keys, v.stamp = target, parts, c.region, c.keys, c.stamp()
	request, err := o.request.build(o.name, c.http.Endpoint, v)
	if err != nil {
		return nil, v, c.refuse(o, err)
	}
	reply, err := c.http.Do(ctx, request)
	if c.watch != nil && reply != nil {
		c.watch(o, reply, v)
	}
	return reply, v, err
}

// refuse is the error for a target that is not worth a request.
func (c *client) refuse(o *operation, err error) error {
	return &rotation.Error{Kind: rotation.Target, Provider: c.Code, Op: o.name, Err: err}
}

// shown says where the answer of an issuer or a minter shows a password. The fields are found by name in any wrapping,
// because a password that is not kept is lost.
type shown struct {
	password     []string
	synced       string // "" where the provider does not say so
	echo         []field
	id, username []string // of an identity
	login        template // in place of username, where the answer does not show it
	derive       string   // how the password is made of what is shown; "" where it is the password
}

func (s scope) readShown(v *document.Value, beside ...string) shown {
	var all shown
	if !v.Only(append([]string{"password", "synced", "echo"}, beside...)...) {
		return all
	}
	v.Require("password")
	if c := v.Child("password"); c != nil {
		all.password = plainNames(c)
	}
	if c := v.Child("synced"); c != nil {
		all.synced = plainName(c)
	}
	if c := v.Child("echo"); c != nil {
		all.echo = s.fields(c, inHeader)
	}
	return all
}

// plainNames are the names that a field may have: one, or a list.
func plainNames(v *document.Value) []string {
	var all []string
	for _, item := range list1(v) {
		all = append(all, plainName(item))
	}
	if len(all) == 0 {
		v.Fail("", "must name a field")
	}
	return all
}

func plainName(v *document.Value) string {
	text := v.Text()
	if text != "" && !fieldName.MatchString(text) {
		v.Fail("the name of a field, wherever it stands", "is not a valid name")
	}
	return text
}

// read finds the password, and whether the reply is about this call.
func (s *shown) read(reply *httpx.Reply, v values) (issued rotation.Issued, ours bool) {
	found := lenient.Read(reply.Body)
	password, sure := found.Secret(s.password...)
	synced := s.synced == "" || found.Flag(s.synced) == "true"
	ours = true
	for _, f := range s.echo {
		if echoed := found.Text(f.name); echoed != "" && !strings.EqualFold(echoed, f.value.text(v)) {
			ours = false
		}
	}
	return rotation.Issued{Password: password, Synced: sure && synced}, ours
}

// denied tells that a reply which is wrapped oddly says something else than a success does.
func (a *answer) denied(reply *httpx.Reply, v values) bool {
	found := lenient.Read(reply.Body)
	return slices.ContainsFunc(a.success, func(c condition) bool {
		text := found.Text(c.path[len(c.path)-1])
		return c.test == equals && text != "" && !slices.ContainsFunc(c.texts, func(t template) bool {
			want := t.text(v)
			return want == text || lenient.ParseFlag(want) != "" && lenient.ParseFlag(want) == lenient.ParseFlag(text)
		})
	})
}
