package declared

import (
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"keyturn/internal/config/document"
	"keyturn/internal/policy"
	"keyturn/internal/rotation"
)

var (
	nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
	keyForm  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	rateForm = regexp.MustCompile(`^([1-9][0-9]{0,5})/(s|min|h|d)$`)
)

// codeOf is the code of a provider, or the name of a region.
func codeOf(v *document.Value) string {
	text := v.Text()
	if text != "" && !nameForm.MatchString(text) {
		v.Fail("a-z, 0-9 and - in the middle, at most 32", "is not a valid name")
	}
	return text
}

// webPage is an address that people open.
func webPage(v *document.Value) string {
	text := v.Text()
	if text != "" && !strings.HasPrefix(text, "https://") {
		v.Fail("", "must begin with https://")
	}
	return text
}

// readPages reads sources: names of pages and their addresses.
func readPages(v *document.Value) map[string]string {
	pages := map[string]string{}
	if v == nil {
		return pages
	}
	for _, c := range v.Entries() {
		pages[c.Name()] = webPage(c)
	}
	return pages
}

// readGuessed reads why parts of a description are guesses.
func readGuessed(v *document.Value) map[string]string {
	all := map[string]string{}
	if v == nil {
		return all
	}
	for _, c := range v.Entries() {
		all[c.Name()] = c.Text()
	}
	return all
}

func readKeys(v *document.Value) []string {
	var keys []string
	for _, item := range v.Items() {
		name := item.Text()
		switch {
		case name == "":
		case !keyForm.MatchString(name):
			item.Fail("a-z, 0-9 and _, such as api_key", "is not a valid name")
		default:
			keys = append(keys, name)
		}
	}
	if len(keys) == 0 {
		v.Fail("such as [api_key]", "must name a key")
	}
	return keys
}

func readRate(v *document.Value) rotation.Rate {
	m := rateForm.FindStringSubmatch(v.Text())
	if m == nil {
		v.Fail("such as 20/s, 300/min or 1000/h", "is not a rate")
		return rotation.Rate{}
	}
	n, _ := strconv.Atoi(m[1])
	return rotation.Rate{Requests: n, Per: map[string]time.Duration{"s": time.Second, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour}[m[2]]}
}

// mail is where a password logs in.
type mail struct {
	host          string
	port          int
	tls           string
	loginIsTarget bool
}

// readSMTP reads where a password logs in, or that it does nowhere.
func (d *Description) readSMTP(v *document.Value) {
	if v.Kind() == document.Text {
		d.loginless = v.OneOf("none") == 0
		return
	}
	d.mail = readMail(v)
}

func readMail(v *document.Value) *mail {
	m := &mail{tls: "starttls", port: 587}
	if !v.Only("host", "port", "tls", "username") {
		return m
	}
	v.Require("host", "port", "tls")
	if c := v.Child("host"); c != nil {
		m.host = host(c)
	}
	if c := v.Child("port"); c != nil {
		m.port = c.Integer(1, 65535)
	}
	if c := v.Child("tls"); c != nil {
		names := []string{"starttls", "implicit"}
		m.tls = names[c.OneOf(names...)]
	}
	if c := v.Child("username"); c != nil {
		m.loginIsTarget = c.OneOf("configured", "target") == 1
	}
	return m
}

// smtp is rotation.Provider.SMTP.
func (d *Description) smtp(region string) rotation.SMTP {
	host := d.mail.host
	if own := d.in(region).mail; own != "" {
		host = own
	}
	return rotation.SMTP{Address: net.JoinHostPort(host, strconv.Itoa(d.mail.port)), TLS: d.mail.tls}
}

// longestRule bounds what a rule may ask for, in characters.
const longestRule = 256

// readRule reads what the provider accepts as a password.
func readRule(v *document.Value) policy.Rule {
	var r policy.Rule
	if !v.Only("min_length", "max_length", "digits", "lower", "upper", "symbols", "allowed_symbols", "max_repeat") {
		return r
	}
	v.Require("min_length", "max_length")
	for name, into := range map[string]*int{"min_length": &r.MinLength, "max_length": &r.MaxLength, "max_repeat": &r.MaxRepeat} {
		if c := v.Child(name); c != nil {
			*into = c.Integer(1, longestRule)
		}
	}
	for name, into := range map[string]*policy.Class{"digits": &r.Digits, "lower": &r.Lower, "upper": &r.Upper, "symbols": &r.Symbols} {
		if c := v.Child(name); c != nil {
			*into = readClass(c)
		}
	}
	if c := v.Child("allowed_symbols"); c != nil {
		r.AllowedSymbols = c.Text()
	}
	if err := r.Satisfiable(); err != nil {
		v.Fail("", "no password satisfies it: %v", err)
	}
	return r
}

func readClass(v *document.Value) (class policy.Class) {
	if v.Only("min", "min_distinct") {
		for name, into := range map[string]*int{"min": &class.Min, "min_distinct": &class.MinDistinct} {
			if c := v.Child(name); c != nil {
				*into = c.Integer(0, longestRule)
			}
		}
	}
	return class
}
