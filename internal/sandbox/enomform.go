package sandbox

import (
	"encoding/xml"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// enomField is one line of eNom's answer.
type enomField struct{ name, value string }

// enomXMLNames are the elements that XML spells in another way than text and HTML.
var enomXMLNames = map[string]string{"PasswordSet": "password-set"}

// enomForm writes eNom's answers in the form that a request asked for: text (the default), HTML or XML.
type enomForm struct {
	command string
	kind    string
	now     time.Time
}

func newEnomForm(in enomInput, now time.Time) enomForm {
	return enomForm{command: strings.ToUpper(in["command"]), kind: strings.ToLower(in["responsetype"]), now: now}
}

func (f enomForm) success(o outcome, fields ...enomField) reply {
	fields = append(fields, f.head("0")...)
	fields = append(fields, enomField{"ResponseCount", "0"})
	return f.write(http.StatusOK, append(fields, f.tail()...), reason{}, o)
}

// failure is an answer with one error.
func (f enomForm) failure(why reason, o outcome) reply {
	fields := f.head("1")
	if f.kind != "xml" {
		fields = append(fields, enomField{"Err1", why.message}, enomField{"ResponseCount", "1"},
			enomField{"ResponseNumber1", why.code}, enomField{"ResponseString1", enomStrings[why.code]})
	}
	return f.write(why.status, append(fields, f.tail()...), why, o)
}

func (f enomForm) head(errCount string) []enomField {
	return []enomField{{"Command", f.command}, {"APIType", "API.NET"}, {"Language", "eng"}, {"ErrCount", errCount}}
}

func (f enomForm) tail() []enomField {
	return []enomField{
		{"MinPeriod", "1"},
		{"MaxPeriod", "10"},
		{"Server", "SANDBOX"},
		{"Site", "eNom"},
		{"IsLockable", "True"},
		{"IsRealTimeTLD", "True"},
		{"TimeDifference", "+0.00"},
		{"ExecTime", "0.031"},
		{"Done", "true"},
		{"TrackingKey", uuid.NewString()},
		{"RequestDateTime", f.now.UTC().Format("1/2/2006 3:04:05 PM")},
	}
}

func (f enomForm) write(status int, fields []enomField, why reason, o outcome) reply {
	var out strings.Builder
	rep := reply{status: status, outcome: o}
	switch f.kind {
	case "xml":
		rep.kind = "text/xml; charset=utf-8"
		writeEnomXML(&out, fields, why)
	case "html":
		rep.kind = "text/html; charset=utf-8"
		out.WriteString(";URL Interface<br>\n;Machine is SANDBOX<br>\n;Encoding Type is utf-8<br>\n<HTML><BODY>\n")
		for _, field := range fields {
			out.WriteString("<STRONG>" + field.name + ": </STRONG>" + escaped(field.value) + "<br>\n")
		}
		out.WriteString("</BODY></HTML>\n")
	default:
		rep.kind = "text/plain; charset=utf-8"
		out.WriteString(";URL Interface\n;Machine is SANDBOX\n;Encoding Type is utf-8\n")
		for _, field := range fields {
			out.WriteString(field.name + "=" + field.value + "\n")
		}
	}
	rep.body = []byte(out.String())
	return rep
}

// writeEnomXML puts errors and responses where the XML form has them: after ErrCount, nested.
func writeEnomXML(out *strings.Builder, fields []enomField, why reason) {
	element := func(name, value string) { out.WriteString("<" + name + ">" + escaped(value) + "</" + name + ">\n") }
	out.WriteString("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<interface-response>\n")
	for _, field := range fields {
		name := field.name
		if other, ok := enomXMLNames[name]; ok {
			name = other
		}
		element(name, field.value)
		if name != "ErrCount" || why.code == "" {
			continue
		}
		out.WriteString("<errors>\n")
		element("Err1", why.message)
		out.WriteString("</errors>\n")
		element("ResponseCount", "1")
		out.WriteString("<responses>\n<response>\n")
		element("ResponseNumber", why.code)
		element("ResponseString", enomStrings[why.code])
		out.WriteString("</response>\n</responses>\n")
	}
	out.WriteString("<debug></debug>\n</interface-response>\n")
}

func escaped(s string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(s)) // a Builder never fails
	return out.String()
}
