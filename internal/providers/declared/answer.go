package declared

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"keyturn/internal/config/document"
	"keyturn/internal/httpx"
	"keyturn/internal/providers/lenient"
	"keyturn/internal/rotation"
)

// answer is how an answer is read.
type answer struct {
	decode    func([]byte) (tree, error)
	whole     []path // one of them is given, or it is not the provider's
	statuses  []int  // of a success
	success   []condition
	bare      bool   // a success has no body
	repeats   bool   // a list is an element that repeats, as in XML
	signed    bool   // the request was signed by a clock
	code      []path // the first one that is there
	requestID []path
	wait      string // header
	table     []*row
}

// readAnswer reads answer. The error table stands beside it, and the success of a minter's calls with each of them.
func (s scope) readAnswer(v *document.Value, minter bool) answer {
	a := answer{decode: decodeJSON}
	if !v.Only("decoder", "whole", "success", "code", "request_id", "wait_header") {
		return a
	}
	v.Require("whole")
	c := v.Child("success")
	switch {
	case minter && c != nil:
		c.FailKey("say it in each call", "of a minter differs from call to call")
	case !minter && c == nil:
		v.Require("success")
	case !minter:
		a.readSuccess(c, s, callMain)
	}
	if c := v.Child("decoder"); c != nil {
		names := sortedKeys(decoders)
		name := names[c.OneOf(names...)]
		a.decode, a.repeats = decoders[name], name == "xml"
	}
	a.whole = paths(v.Child("whole"))
	a.code, a.requestID = paths(v.Child("code")), paths(v.Child("request_id"))
	if c := v.Child("wait_header"); c != nil {
		if a.wait = c.Text(); !headerName.MatchString(a.wait) {
			c.Fail("", "is not the name of a header")
		}
	}
	return a
}

// readSuccess reads what proves that a call was carried out. A list proves it itself; what was retired without being so
// is found again by the next list, so that an answer without a body may say it.
func (a *answer) readSuccess(v *document.Value, s scope, call string) {
	if !v.Only("status", "body") {
		return
	}
	v.Require("status")
	if c := v.Child("status"); c != nil {
		for _, item := range list1(c) {
			a.statuses = append(a.statuses, item.Integer(200, 299))
		}
	}
	switch c := v.Child("body"); {
	case c == nil && call == CallList:
	case c == nil:
		v.Require("body")
	case aboutOne(call) && c.Kind() == document.Text:
		a.bare = c.OneOf("none") == 0
	default:
		a.success = s.readConditions(c)
		if call != CallList && !slices.ContainsFunc(a.success, func(c condition) bool { return c.test != absent }) {
			c.Fail("name what the body of a success says", "must have a condition on something that is there: a status proves nothing")
		}
	}
}

// list1 returns the items of a list, or a single value as the only one.
func list1(v *document.Value) []*document.Value {
	if v.Kind() == document.List {
		return v.Items()
	}
	return []*document.Value{v}
}

// paths reads one path, or a list of them.
func paths(v *document.Value) []path {
	if v == nil {
		return nil
	}
	var all []path
	for _, item := range list1(v) {
		if text := item.Text(); text != "" && !pathForm.MatchString(text) {
			item.Fail("such as data.error_code, log.0.type or *.type", "is not a valid path")
		} else {
			all = append(all, parsePath(text))
		}
	}
	if len(all) == 0 {
		v.Fail("", "must name a path")
	}
	return all
}

// verdict is what an answer says. Without a success and a row it is in doubt.
type verdict struct {
	whole, success bool
	row            *row
	code, id       string // as the answer has them
}

// read takes an answer apart. An answer that is not of the documented shape may still be a text that a row knows.
func (a *answer) read(status int, body []byte, v values) verdict {
	if a.bareSuccess(status, body) {
		return verdict{whole: true, success: true}
	}
	root, err := a.decode(body)
	ours := func(p path) bool { return !slices.ContainsFunc(find(root, p), missing) }
	if err != nil || !slices.ContainsFunc(a.whole, ours) {
		return verdict{row: lookText(a.table, strings.TrimSpace(lenient.Plain(body)), status)}
	}
	code := first(root, a.code)
	return verdict{
		whole: true, success: !a.bare && slices.Contains(a.statuses, status) && allHold(a.success, root, v),
		row: look(a.table, code, status), code: code, id: first(root, a.requestID),
	}
}

// bareSuccess reports whether an answer is a success that has no body.
func (a *answer) bareSuccess(status int, body []byte) bool {
	return a.bare && slices.Contains(a.statuses, status) && len(body) == 0
}

// judge returns nil for what is proven to be a success, and else an error of the one row that matches. All else is in doubt.
func (a *answer) judge(reply *httpx.Reply, v values) error {
	said := a.read(reply.Status, reply.Body, v)
	code, id, r := v.clean(said.code), v.clean(said.id), said.row
	switch {
	case reply.Status >= http.StatusMultipleChoices && reply.Status < http.StatusBadRequest:
		return reply.Malformed("the answer is a redirect")
	case !said.whole && r == nil:
		return reply.Malformed("the answer is not of the shape that the description says")
	case said.success && (r == nil || r.code == ""):
		return nil
	case said.success:
		return reply.Classified(rotation.ErrorRow{Hint: "the answer is a success and a refusal at once"}, code, id)
	case r == nil:
		return reply.Classified(rotation.ErrorRow{Hint: "the description has no row for this answer"}, code, id)
	case r.gone && reply.Status < http.StatusInternalServerError:
		return nil
	case r.code == "":
		code = ""
	case !r.open:
		code = r.code
	}
	return a.refusal(reply, r, code, id)
}

// tolerated is how far a clock may be off at the strictest of the providers that ask for signatures.
const tolerated = 5 * time.Minute

// refusal is the error of a row. Whatever the row says, a 5xx does not prove that nothing was done; and where the clock is
// off, it and not the key is why a signature was refused.
func (a *answer) refusal(reply *httpx.Reply, r *row, code, id string) error {
	kind := r.kind
	if reply.Status >= http.StatusInternalServerError && (kind != rotation.RateLimited || r.code == "") {
		kind = rotation.InDoubt
	}
	if ahead, known := reply.Skew(); kind == rotation.Unauthorized && a.signed && known && ahead.Abs() >= tolerated {
		kind = rotation.ClockSkew
	}
	e := reply.Classified(rotation.ErrorRow{Kind: kind, Hint: r.hint}, code, id)
	if kind == rotation.RateLimited && e.RetryAfter == 0 && a.wait != "" {
		e.RetryAfter = reply.Wait(a.wait)
	}
	return e
}

// first returns the first text that stands at one of the paths.
func first(root tree, all []path) string {
	for _, p := range all {
		if text := one(root, p); text != "" {
			return text
		}
	}
	return ""
}

// codeForm is what looks like a code or an id. A sentence may quote what was sent.
var codeForm = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

// clean lets a code or an id through that cannot be a part of the request.
func (v values) clean(text string) string {
	if text == "" || codeForm.MatchString(text) && !v.shows(text) {
		return text
	}
	return "unreadable"
}
