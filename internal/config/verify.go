package config

import (
	"regexp"
	"strings"
	"time"

	"keyturn/internal/rotation"
)

// defaultPropagation is how long an accepted password may take until it works everywhere; no provider documents it.
const defaultPropagation = 2 * time.Minute

// defaultProbe is how long one login may take: servers delay the answer to one that they refuse, Dovecot by up to 17 s.
const defaultProbe = 30 * time.Second

// defaultMailRate is what a mail server is asked at most; programs that guard one ban a client that asks too often.
var defaultMailRate = rotation.Rate{Requests: 30, Per: time.Minute}

const (
	minQuestions  = 3 // so that a third of them, one, may be refused
	minMailWindow = time.Second
)

// ehloForm is what RFC 5321 lets a client call itself: a domain, or an address in brackets.
var ehloForm = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?|\[([0-9.]+|IPv6:[0-9A-Fa-f:.]+)\])$`)

// verification is a rotation.Verification in the making; what a layer leaves out, the next one says.
type verification = rotation.Verification

type rawVerify struct {
	verification
	mode, smtp *value
}

var verifyFields = fields[rawVerify]{
	{"mode", func(_ *loader, r *rawVerify, v *value) { r.mode = v }},
	{"propagation", func(_ *loader, r *rawVerify, v *value) { r.Propagation = v.duration() }},
	{"smtp", func(l *loader, r *rawVerify, v *value) {
		r.smtp = v
		smtpFields.decode(l, v, &r.SMTP)
	}},
}

var smtpFields = fields[rotation.SMTP]{
	{"address", func(_ *loader, s *rotation.SMTP, v *value) { s.Address = v.hostPort() }},
	{"tls", func(_ *loader, s *rotation.SMTP, v *value) { s.TLS = v.choice("implicit", "starttls") }},
	{"ca_file", func(l *loader, s *rotation.SMTP, v *value) { s.CAFile = l.certificates(v) }},
	{"mechanism", func(_ *loader, s *rotation.SMTP, v *value) { s.Mechanism = v.choice("plain", "login") }},
	{"username", func(_ *loader, s *rotation.SMTP, v *value) { s.Username = v.string() }},
	{"ehlo", func(_ *loader, s *rotation.SMTP, v *value) { s.EHLO = v.ehlo() }},
	{"timeout", func(_ *loader, s *rotation.SMTP, v *value) { s.Timeout = v.durationIn(minTimeout, maxTimeout) }},
	{"rate", func(_ *loader, s *rotation.SMTP, v *value) { s.Rate = v.mailRate() }},
}

// verify puts what v says over base: a mode alone, or a map. A map with smtp means the mode smtp.
func (l *loader) verify(base verification, v *value) verification {
	if v.kind == text {
		base.Mode = v.verifyMode()
		return base
	}
	raw := rawVerify{verification: base}
	verifyFields.decode(l, v, &raw)
	switch {
	case raw.mode != nil:
		raw.Mode = raw.mode.verifyMode()
	case raw.smtp != nil:
		raw.Mode = rotation.VerifySMTP
	}
	return raw.verification
}

func (v *value) verifyMode() rotation.VerifyMode {
	return rotation.VerifyMode(v.oneOf("off", "smtp", "provider"))
}

// ehlo returns the name that a client introduces itself by.
func (v *value) ehlo() string {
	name := v.string()
	if name != "" && !ehloForm.MatchString(name) {
		v.fail("such as worker.example.com, [192.0.2.1] or [IPv6:2001:db8::1]", "%q is neither a host name nor an address in brackets", name)
	}
	return name
}

// mailRate returns what a mail server bears.
func (v *value) mailRate() rotation.Rate {
	r, ok := v.rate()
	if ok && (r.Requests < minQuestions || r.Per < minMailWindow) {
		v.fail("such as 30/m, or 12/10m for a server with fail2ban", "%q is less than %d questions, or in less than %v", v.text, minQuestions, minMailWindow)
		return rotation.Rate{}
	}
	return r
}

// choice returns the text of v, which must be one of names.
func (v *value) choice(names ...string) string { return names[v.oneOf(names...)] }

// finishVerify settles what a credential's layers left open and shares equal results.
func (l *loader) finishVerify(c *rawCredential, account *Account, how verification) *rotation.Verification {
	switch how.Mode {
	case rotation.VerifyOff:
		how.SMTP = rotation.SMTP{}
	case rotation.VerifyProvider:
		how.SMTP = rotation.SMTP{}
		if !account.Provider.ReadBack {
			l.failVerify(c.at, c.verify, account, "verify", "use smtp", "%s has no way to read a password back", account.Provider.Code)
		}
	case rotation.VerifySMTP:
		l.checkMail(c, account, how.SMTP.Address)
		if account.Provider.SMTPUsername && how.SMTP.Username == "" && c.username == nil {
			c.at.failIn("username", "a user name at "+account.Provider.Code+" cannot be told from the target", "is missing")
		}
		l.finishSMTP(c, account, &how.SMTP)
	}
	if how.Propagation == 0 {
		how.Propagation = defaultPropagation
	}
	if shared, ok := l.verifications[how]; ok {
		return shared
	}
	// Parts of a line would keep all of it.
	for _, text := range []*string{&how.SMTP.Address, &how.SMTP.Username, &how.SMTP.EHLO} {
		*text = strings.Clone(*text)
	}
	shared := &how
	l.verifications[how] = shared
	return shared
}

// finishSMTP settles how to log in. A run asks more than once, so that a question may take half of its time at most.
func (l *loader) finishSMTP(c *rawCredential, account *Account, s *rotation.SMTP) {
	if s.TLS == "" {
		s.TLS = "starttls"
		if strings.HasSuffix(s.Address, ":465") {
			s.TLS = "implicit"
		}
	}
	if s.Rate == (rotation.Rate{}) {
		s.Rate = defaultMailRate
	}
	// The budget is the server's, so all must agree on it.
	if one, ok := l.mailRates[s.Address]; !ok {
		l.mailRates[strings.Clone(s.Address)] = s.Rate
	} else if one != s.Rate && !l.mailRatesDiffer[s.Address] {
		l.mailRatesDiffer[strings.Clone(s.Address)] = true
		c.at.failIn("verify.smtp.rate", "give all of its credentials one, for instance under defaults",
			"%s is asked %d questions in %v here, and %d in %v elsewhere", s.Address, s.Rate.Requests, s.Rate.Per, one.Requests, one.Per)
	}
	longest := l.cfg.Timing.TaskTimeout / 2
	switch {
	case s.Timeout == 0:
		s.Timeout = min(defaultProbe, longest)
	case s.Timeout > longest:
		l.failVerify(c.at, c.verify, account, "verify.smtp.timeout", "shorten it, or lengthen timing.task_timeout", "%v is longer than half of timing.task_timeout, %v", s.Timeout, l.cfg.Timing.TaskTimeout)
	}
}
