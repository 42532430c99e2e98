package config

import (
	"regexp"
	"strings"
	"time"

	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
)

// defaultPropagation is how long an accepted password may take until it works everywhere; no provider documents it.
const defaultPropagation = 2 * time.Minute

// defaultProbe is how long one login may take: servers delay the answer to one that they refuse, Dovecot by up to 17 s.
const defaultProbe = 30 * time.Second

// defaultMailRate is what a mail server is asked at most; programs that guard one ban a client that asks too often.
var defaultMailRate = rotation.Rate{Requests: 30, Per: time.Minute}

// ehloForm is what RFC 5321 lets a client call itself: a domain, or an address in brackets.
var ehloForm = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?|\[([0-9.]+|IPv6:[0-9A-Fa-f:.]+)\])$`)

// verification is a rotation.Verification in the making; what a layer leaves out, the next one says.
type verification = rotation.Verification

type rawVerify struct {
	verification
	mode, smtp *document.Value
}

var verifyFields = fields[rawVerify]{
	{"mode", func(_ *loader, r *rawVerify, v *document.Value) { r.mode = v }},
	{"propagation", func(_ *loader, r *rawVerify, v *document.Value) { r.Propagation = v.Duration() }},
	{"smtp", func(l *loader, r *rawVerify, v *document.Value) {
		r.smtp = v
		smtpFields.decode(l, v, &r.SMTP)
	}},
}

var smtpFields = fields[rotation.SMTP]{
	{"address", func(_ *loader, s *rotation.SMTP, v *document.Value) { s.Address = hostPort(v) }},
	{"tls", func(_ *loader, s *rotation.SMTP, v *document.Value) { s.TLS = choice(v, "implicit", "starttls") }},
	{"ca_file", func(l *loader, s *rotation.SMTP, v *document.Value) { s.CAFile = l.certificates(v) }},
	{"mechanism", func(_ *loader, s *rotation.SMTP, v *document.Value) { s.Mechanism = choice(v, "plain", "login") }},
	{"username", func(_ *loader, s *rotation.SMTP, v *document.Value) { s.Username = v.Text() }},
	{"ehlo", func(_ *loader, s *rotation.SMTP, v *document.Value) { s.EHLO = ehlo(v) }},
	{"timeout", func(_ *loader, s *rotation.SMTP, v *document.Value) { s.Timeout = v.DurationIn(minTimeout, maxTimeout) }},
	{"rate", func(_ *loader, s *rotation.SMTP, v *document.Value) { s.Rate = mailRate(v) }},
}

// verify puts what v says over base: a mode alone, or a map. A map with smtp means the mode smtp.
func (l *loader) verify(base verification, v *document.Value) verification {
	if v.Kind() == document.Text {
		base.Mode = verifyMode(v)
		return base
	}
	raw := rawVerify{verification: base}
	verifyFields.decode(l, v, &raw)
	switch {
	case raw.mode != nil:
		raw.Mode = verifyMode(raw.mode)
	case raw.smtp != nil:
		raw.Mode = rotation.VerifySMTP
	}
	return raw.verification
}

// verifiable are the defaults of an account. Without a word on verification, and with a provider that says where passwords
// log in, they are verified there; where it says that they log in to no mail server, the one of the defaults is not asked.
func (l *loader) verifiable(a *Account) inherited {
	base := l.defaults
	switch {
	case a.Provider.NoLogin:
		base.verify = verification{Mode: rotation.VerifyOff}
	case !base.verified && a.Provider.SMTP != nil:
		base.verify = verification{Mode: rotation.VerifySMTP, SMTP: a.Provider.SMTP(a.Region)}
	}
	return base
}

func verifyMode(v *document.Value) rotation.VerifyMode {
	return rotation.VerifyMode(v.OneOf("off", "smtp", "provider"))
}

// ehlo returns the name that a client introduces itself by.
func ehlo(v *document.Value) string {
	name := v.Text()
	if name != "" && !ehloForm.MatchString(name) {
		v.Fail("such as worker.example.com, [192.0.2.1] or [IPv6:2001:db8::1]", "%q is neither a host name nor an address in brackets", name)
	}
	return name
}

// mailRate returns what a mail server bears.
func mailRate(v *document.Value) rotation.Rate {
	r, ok := rate(v)
	if ok && (r.Requests < rotation.MinQuestions || r.Per < rotation.MinMailWindow) {
		v.Fail("such as 30/m, or 12/10m for a server with fail2ban", "%q is less than %d questions, or in less than %v", v.Raw(), rotation.MinQuestions, rotation.MinMailWindow)
		return rotation.Rate{}
	}
	return r
}

// choice returns the text of v, which must be one of names.
func choice(v *document.Value, names ...string) string { return names[v.OneOf(names...)] }

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
		l.checkLogin(c.at, c.verify, account)
		l.checkMail(c, account, how.SMTP.Address)
		if account.Provider.SMTPUsername && how.SMTP.Username == "" && c.username == nil && c.targets == nil && !c.is(rotation.StrategyOverlap) {
			c.at.FailIn("username", "a user name at "+account.Provider.Code+" cannot be told from the target", "is missing")
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
		c.at.FailIn("verify.smtp.rate", "give all of its credentials one, for instance under defaults",
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
