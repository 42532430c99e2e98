package declared

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
)

// row maps answers that are no success to a kind. What it asks for must all be there.
type row struct {
	code   string // of the provider; a prefix of it where open
	open   bool
	status int    // 0: any
	text   string // the whole of an answer that is not of the documented shape
	call   string // the one call of a minter that it is about; "" for every call
	kind   rotation.Kind
	gone   bool // there is no such identity: retiring it is done
	hint   string
	source string // a name of Description.Sources; "" for a guess
	at     document.Error
}

// rowKinds are the kinds that a row may name, as a description writes them.
var rowKinds = map[string]rotation.Kind{
	"in doubt": rotation.InDoubt, "rate limited": rotation.RateLimited, "repeat": rotation.Repeat, "rejected": rotation.Rejected,
	"unauthorized": rotation.Unauthorized, "target": rotation.Target,
}

// callKinds are kinds that only a minter's answers may have, with the call that they are about.
var callKinds = map[string]string{"full": CallMint, "gone": CallRetire}

// never are kinds that no answer proves.
var never = map[string]string{
	"not sent":    "an answer cannot prove that nothing was sent",
	"unavailable": "an answer cannot prove that the provider did nothing",
	"clock skew":  "requests of a description are not signed by the clock",
}

// tableRules are what rows may name.
type tableRules struct {
	sources []string
	calls   []string // of a minter
	signed  bool     // requests are signed by the clock
}

func (t tableRules) readTable(v *document.Value) []*row {
	var all []*row
	for _, item := range v.Items() {
		if !item.Only(append([]string{"code", "status", "text", "kind", "hint", "source", "guessed"}, t.fields()...)...) {
			continue
		}
		item.Require("kind", "hint")
		r := t.readRow(item)
		t.checkKind(item, r)
		for _, other := range all {
			if r.overlaps(other) {
				item.Fail("an answer must match one row", "overlaps the row in line %d", other.at.Line)
			}
		}
		all = append(all, r)
	}
	return all
}

func (t tableRules) fields() []string {
	if len(t.calls) > 0 {
		return []string{"call"}
	}
	return nil
}

func (t tableRules) readRow(v *document.Value) *row {
	r := &row{at: v.Place()}
	if c := v.Child("call"); c != nil && len(t.calls) > 0 {
		r.call = t.calls[c.OneOf(t.calls...)]
	}
	if c := v.Child("code"); c != nil {
		r.code, r.open = strings.CutSuffix(scalar(c), "*")
		if r.code == "" || strings.Contains(r.code, "*") {
			c.Fail("a code, or its beginning and *", "is not a valid code")
		}
	}
	if c := v.Child("status"); c != nil {
		if r.status = c.Integer(200, 599); r.status >= 300 && r.status < 400 {
			c.Fail("leave the row out", "is a redirect, which is not followed and in doubt")
		}
	}
	if c := v.Child("text"); c != nil {
		if r.text = strings.TrimSpace(c.Text()); r.status == 0 || r.code != "" {
			c.Fail("add status", "goes with a status, and with no code")
		}
	}
	if c := v.Child("hint"); c != nil {
		r.hint = c.Text()
	}
	r.source = readSource(v, t.sources)
	if r.code == "" && r.status == 0 {
		v.Fail("give a code, a status, or both", "matches every answer")
	}
	return r
}

// readSource reads where a fact comes from: a named page, or nowhere.
func readSource(v *document.Value, sources []string) string {
	v.ExactlyOne("source", "guessed")
	if c := v.Child("guessed"); c != nil && !c.Boolean() {
		c.Fail("name a source", "must be true")
	}
	c := v.Child("source")
	if c == nil {
		return ""
	}
	if !slices.Contains(sources, c.Text()) {
		c.Fail(document.Nearest(c.Raw(), sources), "%q is not one of sources", c.Raw())
	}
	return c.Raw()
}

// checkKind holds a row to what its answer can prove.
func (t tableRules) checkKind(v *document.Value, r *row) {
	c := v.Child("kind")
	if c == nil || !c.Is(document.Text) {
		return
	}
	kinds := t.kinds()
	kind, known := kinds[c.Raw()]
	r.kind, r.gone = kind, known && c.Raw() == "gone"
	switch why, call := never[c.Raw()], callKinds[c.Raw()]; {
	case why != "" && !known:
		c.Fail("what a description does not prove is in doubt", "must not be %q: %s", c.Raw(), why)
	case !known:
		c.Fail("one of: "+strings.Join(sortedKeys(kinds), ", "), "unknown value %q", c.Raw())
	case call != "" && r.call != call:
		c.Fail("add call: "+call, "is of one call alone")
	case r.status >= http.StatusInternalServerError && kind != rotation.InDoubt && (kind != rotation.RateLimited || r.code == ""):
		c.Fail("in doubt; or rate limited with a code", "a %d does not prove that nothing was done", r.status)
	case r.status != 0 && r.status < 300 && r.code == "" && kind != rotation.InDoubt:
		c.Fail("name the code that refuses", "a %d alone does not refuse anything", r.status)
	case kind == rotation.Repeat && r.code == "" && r.text == "":
		c.Fail("name the code that says so", "a status alone does not say that the password is the present one")
	case kind == rotation.Repeat && r.open:
		c.Fail("name the whole code", "the beginning of a code does not say that the password is the present one")
	}
}

// kinds are those that a row may name.
func (t tableRules) kinds() map[string]rotation.Kind {
	all := maps.Clone(rowKinds)
	if len(t.calls) > 0 {
		all["full"], all["gone"] = rotation.Full, rotation.Target
	}
	if t.signed {
		all["clock skew"] = rotation.ClockSkew
	}
	return all
}

// overlaps tells that an answer could match both rows, and neither goes before the other.
func (r *row) overlaps(other *row) bool {
	return r.call == other.call && r.code == other.code && r.open == other.open && r.text == other.text &&
		(r.status == other.status || r.status == 0 || other.status == 0)
}

func (r *row) matches(code string, status int) bool {
	switch {
	case r.text != "" || r.status != 0 && r.status != status:
		return false
	case r.open:
		return strings.HasPrefix(code, r.code)
	case r.code != "":
		return r.code == code
	}
	return true
}

// look finds the row for an answer of the documented shape: the one with its code, else the one with the longest beginning
// of it, else the one with its status; of two alike the first; nil if there is none.
func look(table []*row, code string, status int) *row {
	var best *row
	for _, r := range table {
		if r.matches(code, status) && (best == nil || r.before(best)) {
			best = r
		}
	}
	return best
}

func (r *row) before(other *row) bool {
	switch {
	case (r.code == "") != (other.code == ""):
		return r.code != ""
	case r.open != other.open:
		return !r.open
	}
	return len(r.code) > len(other.code)
}

// lookText finds the row for an answer that is nothing but a known text.
func lookText(table []*row, text string, status int) *row {
	for _, r := range table {
		if r.text != "" && r.text == text && r.status == status {
			return r
		}
	}
	return nil
}

// of are the rows for answers to a call, those for it alone first. What disables an identity is the first half of retiring it.
func of(call string, table []*row) []*row {
	if call == CallDisable {
		call = CallRetire
	}
	if call == CallEnable {
		return present(of(CallRetire, table))
	}
	var own, every []*row
	for _, r := range table {
		switch r.call {
		case call:
			own = append(own, r)
		case "":
			every = append(every, r)
		}
	}
	return append(own, every...)
}

// present are rows for a call that wants an identity to be there: one that is gone is a refusal.
func present(table []*row) (all []*row) {
	for _, r := range table {
		if r.gone {
			missing := *r
			missing.gone = false
			r = &missing
		}
		all = append(all, r)
	}
	return all
}

// name is how docs and errors call a row.
func (r *row) name() string {
	if r.call != "" {
		general := *r
		general.call = ""
		return general.name() + " (" + r.call + ")"
	}
	switch {
	case r.text != "":
		return "HTTP " + strconv.Itoa(r.status) + " " + r.text
	case r.open:
		return r.code + "*"
	case r.code != "":
		return r.code
	}
	return "HTTP " + strconv.Itoa(r.status)
}
