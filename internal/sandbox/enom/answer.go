package enom

import (
	"encoding/xml"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"keyturn/internal/sandbox/core"
)

// reasons are eNom's words: the code is the response number, the message Err1. It has no error for a repeated
// password; who injects one gets "duplicate".
var reasons = map[core.Outcome]core.Reason{
	core.OutRepeat:       core.Because(http.StatusOK, "302156", "Duplicate domain password"),
	core.OutRejected:     core.Because(http.StatusOK, "304156", "The domain password must use ASCII characters, and must be 6 to 60 characters in length"),
	core.OutUnknown:      core.Because(http.StatusOK, "316153", "Domain name not found"),
	core.OutUnauthorized: core.Because(http.StatusOK, "304155", "Bad User name or Password"),
	core.OutThrottled:    core.Because(http.StatusTooManyRequests, "", "Too Many Requests"),
	core.OutFailed:       core.Because(http.StatusOK, "621153", "The request could not be processed"),
	core.OutUnavailable:  core.Because(http.StatusOK, "618153", "The system is being maintained"),
	core.OutMalformed:    core.Because(http.StatusOK, "304000", "Command not recognized"),
}

// responseStrings are the response strings of those numbers.
var responseStrings = map[string]string{
	"301151": "Validation error; missing ; SLD",
	"301152": "Validation error; missing ; TLD",
	"301156": "Validation error; missing ; domain password",
	"302156": "Validation error; duplicate ; domain password",
	"304000": "Validation error; invalid ; command",
	"304155": "Validation error; invalid ; loginid",
	"304156": "Validation error; invalid ; domain password",
	"316153": "Validation error; not found ; domain name",
	"618153": "System error; maintenance ; domain name",
	"621153": "System error; failed to process ; domain name",
}

// field is one line of eNom's answer.
type field struct{ name, value string }

// xmlNames are the elements that XML spells in another way than text and HTML.
var xmlNames = map[string]string{"PasswordSet": "password-set"}

// form writes eNom's answers in the form that a request asked for: text (the default), HTML or XML.
type form struct {
	command string
	kind    string
	now     time.Time
}

func newForm(in input, now time.Time) form {
	return form{command: strings.ToUpper(in["command"]), kind: strings.ToLower(in["responsetype"]), now: now}
}

func (f form) success(o core.Outcome, fields ...field) core.Reply {
	fields = append(fields, f.head("0")...)
	fields = append(fields, field{"ResponseCount", "0"})
	return f.write(http.StatusOK, append(fields, f.tail()...), core.Reason{}, o)
}

// failure is an answer with one error.
func (f form) failure(why core.Reason, o core.Outcome) core.Reply {
	fields := f.head("1")
	if f.kind != "xml" {
		fields = append(fields, field{"Err1", why.Message}, field{"ResponseCount", "1"},
			field{"ResponseNumber1", why.Code}, field{"ResponseString1", responseStrings[why.Code]})
	}
	return f.write(why.Status, append(fields, f.tail()...), why, o)
}

func (f form) head(errCount string) []field {
	return []field{{"Command", f.command}, {"APIType", "API.NET"}, {"Language", "eng"}, {"ErrCount", errCount}}
}

func (f form) tail() []field {
	return []field{
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

func (f form) write(status int, fields []field, why core.Reason, o core.Outcome) core.Reply {
	var out strings.Builder
	rep := core.Reply{Status: status, Outcome: o}
	switch f.kind {
	case "xml":
		rep.ContentType = "text/xml; charset=utf-8"
		writeXML(&out, fields, why)
	case "html":
		rep.ContentType = "text/html; charset=utf-8"
		out.WriteString(";URL Interface<br>\n;Machine is SANDBOX<br>\n;Encoding Type is utf-8<br>\n<HTML><BODY>\n")
		for _, field := range fields {
			out.WriteString("<STRONG>" + field.name + ": </STRONG>" + escaped(field.value) + "<br>\n")
		}
		out.WriteString("</BODY></HTML>\n")
	default:
		rep.ContentType = "text/plain; charset=utf-8"
		out.WriteString(";URL Interface\n;Machine is SANDBOX\n;Encoding Type is utf-8\n")
		for _, field := range fields {
			out.WriteString(field.name + "=" + field.value + "\n")
		}
	}
	rep.Body = []byte(out.String())
	return rep
}

// writeXML puts errors and responses where the XML form has them: after ErrCount, nested.
func writeXML(out *strings.Builder, fields []field, why core.Reason) {
	element := func(name, value string) { out.WriteString("<" + name + ">" + escaped(value) + "</" + name + ">\n") }
	out.WriteString("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<interface-response>\n")
	for _, field := range fields {
		name := field.name
		if other, ok := xmlNames[name]; ok {
			name = other
		}
		element(name, field.value)
		if name != "ErrCount" || why.Code == "" {
			continue
		}
		out.WriteString("<errors>\n")
		element("Err1", why.Message)
		out.WriteString("</errors>\n")
		element("ResponseCount", "1")
		out.WriteString("<responses>\n<response>\n")
		element("ResponseNumber", why.Code)
		element("ResponseString", responseStrings[why.Code])
		out.WriteString("</response>\n</responses>\n")
	}
	out.WriteString("<debug></debug>\n</interface-response>\n")
}

func escaped(s string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(s)) // a Builder never fails
	return out.String()
}
