package smtpauth

import (
	"fmt"
	"strconv"
	"strings"
)

// reply is what a server answered. Its lines may echo what it was sent: they are compared and never shown.
type reply struct {
	code   int
	status status
	lines  []string
}

// status is an enhanced status code (RFC 3463); the zero value is none.
type status [3]int

func (s status) String() string { return fmt.Sprintf("%d.%d.%d", s[0], s[1], s[2]) }

// String returns the numbers of a reply and nothing else.
func (r reply) String() string {
	if r.status == (status{}) {
		return strconv.Itoa(r.code)
	}
	return fmt.Sprintf("%d %s", r.code, r.status)
}

// says reports whether any line of the reply holds a text, in lower case.
func (r reply) says(text string) bool {
	for _, line := range r.lines {
		if strings.Contains(strings.ToLower(line), text) {
			return true
		}
	}
	return false
}

// statusOf is the first enhanced status code that the lines of a reply begin with.
func statusOf(r reply) status {
	for _, line := range r.lines {
		word, _, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
		parts := strings.Split(word, ".")
		if len(parts) != len(status{}) || len(parts[0]) != 1 || !strings.Contains("245", parts[0]) {
			continue
		}
		var s status
		numbers := true
		for i, part := range parts {
			n, err := strconv.ParseUint(part, 10, 10) // up to three digits
			s[i], numbers = int(n), numbers && err == nil
		}
		if numbers {
			return s
		}
	}
	return status{}
}

// unexpected is a reply that ends a probe without an answer about the password.
type unexpected struct{ reply }

func (u unexpected) Error() string { return "the server answered " + u.String() }

// invalid is RFC 4954's code for wrong credentials.
var invalid = status{5, 7, 8}

// saying is a reply by which one kind of server says that a password is wrong, or that looks as if it did.
type saying struct {
	code   int
	status status
	text   string // in lower case, in any of its lines; "" for any
}

func (s saying) is(r reply) bool {
	return s.code == r.code && s.status == r.status && (s.text == "" || r.says(s.text))
}

// refusals are the refusals of servers that have their own.
var refusals = []saying{
	// Alibaba DirectMail and Alibaba Mail: "526 Authentication failure[0]".
	// http://www.sh-aliyun.com/index.php/Products/detail/cid/0/pid/87.html (a reseller's list of all codes)
	{code: 526},
	// Exchange and Exchange Online: "535 5.7.3 Authentication unsuccessful".
	// https://github.com/nodemailer/nodemailer/issues/922
	{code: 535, status: status{5, 7, 3}, text: "authentication unsuccessful"},
	// Exchange Online, where the tenant has a policy: "535 5.7.139 Authentication unsuccessful, the user credentials were
	// incorrect". The same code says that the policy forbids SMTP AUTH.
	// https://learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission
	{code: 535, status: status{5, 7, 139}, text: "user credentials were incorrect"},
}

// exceptions look like refusals but say that the server does not want to be asked.
var exceptions = []saying{
	// Alibaba: too many refusals; the page above.
	{code: 526, text: "failure[1]"},
	// Tencent Exmail and QQ Mail: "535 Error: authentication failed, system busy".
	// https://service.exmail.qq.com/cgi-bin/help?subtype=1&id=28&no=1001064
	{code: 535, text: "system busy"},
}

// refused reports whether an answer to AUTH says that the user name or the password is wrong: 535, bare or with 5.7.8
// (RFC 4954), or what a kind of server is known to say. All else is about the client, the policy, the connection or the
// server: 535 5.7.0 is Sendmail's word where its password database is gone, 530, 534, 538, 550 and 554 name a policy.
func refused(r reply) bool {
	for _, exception := range exceptions {
		if exception.is(r) {
			return false
		}
	}
	if r.code == 535 && (r.status == status{} || r.status == invalid) {
		return true
	}
	for _, refusal := range refusals {
		if refusal.is(r) {
			return true
		}
	}
	return false
}
