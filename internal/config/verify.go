package config

import (
	"strings"
	"time"

	"keyturn/internal/rotation"
)

// defaultPropagation is how long an accepted password may take until it works everywhere; no provider documents it.
const defaultPropagation = 2 * time.Minute

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
	{"ca_file", func(l *loader, s *rotation.SMTP, v *value) { s.CAFile = l.file(v) }},
	{"mechanism", func(_ *loader, s *rotation.SMTP, v *value) { s.Mechanism = v.choice("plain", "login") }},
	{"username", func(_ *loader, s *rotation.SMTP, v *value) { s.Username = v.string() }},
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
			c.at.failIn("verify", "use smtp", "%s has no way to read a password back", account.Provider.Code)
		}
	case rotation.VerifySMTP:
		if how.SMTP.Address == "" {
			c.at.failIn("verify.smtp.address", "give it here, at the account or under defaults", "is missing")
		}
		if account.Provider.SMTPUsername && how.SMTP.Username == "" && c.username == nil {
			c.at.failIn("username", "a user name at "+account.Provider.Code+" cannot be told from the target", "is missing")
		}
		if how.SMTP.TLS == "" {
			how.SMTP.TLS = "starttls"
			if strings.HasSuffix(how.SMTP.Address, ":465") {
				how.SMTP.TLS = "implicit"
			}
		}
	}
	if how.Propagation == 0 {
		how.Propagation = defaultPropagation
	}
	if shared, ok := l.verifications[how]; ok {
		return shared
	}
	// Parts of a line would keep all of it.
	how.SMTP.Address, how.SMTP.Username = strings.Clone(how.SMTP.Address), strings.Clone(how.SMTP.Username)
	shared := &how
	l.verifications[how] = shared
	return shared
}
