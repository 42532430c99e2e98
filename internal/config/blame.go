package config

import (
	"keyturn/internal/rotation"

	"keyturn/internal/config/document"
)

// blame is a fault of what the credentials of an account inherit as their verification.
type blame struct {
	account *Account
	field   string
}

// failVerify reports a fault of a verification where it was made: at the credential if that has a verification of its own,
// else once at the account, however many credentials inherit it.
func (l *loader) failVerify(credential, own *document.Value, account *Account, field, hint, format string, args ...any) {
	if own != nil {
		credential.FailIn(field, hint, format, args...)
	} else if at := l.blame(account, field); at != nil {
		at.FailIn(field, hint, format, args...)
	}
}

// blame returns the account's place in the file the first time that it is asked about a field, and nil from then on.
func (l *loader) blame(account *Account, field string) *document.Value {
	key := blame{account, field}
	if l.blamed[key] {
		return nil
	}
	l.blamed[key] = true
	return l.accountValues[account]
}

// checkAccountVerify reports what an account asks for and its provider cannot do, even where it has no credentials yet.
func (l *loader) checkAccountVerify(account *Account, given *document.Value) {
	if given != nil && l.inherits[account].verify.Mode == rotation.VerifyProvider && !account.Provider.ReadBack {
		l.failVerify(nil, nil, account, "verify", "use smtp", "%s has no way to read a password back", account.Provider.Code)
	}
	if given != nil && l.inherits[account].verify.Mode == rotation.VerifySMTP {
		l.checkLogin(nil, nil, account)
	}
}

// warnUnverified says that what a description calls a success is all that is known of a password.
func (l *loader) warnUnverified(account *Account) {
	p, how := account.Provider, l.inherits[account]
	if p.Description != "" && !p.NoLogin && !how.verified && how.verify.Mode == rotation.VerifyOff {
		l.accountValues[account].Warn("give verify: {smtp: {address: host:port}}", "%s does not say where passwords log in, so that none is verified", p.Code)
	}
}

// checkLogin reports a mail server that knows nothing of what the provider makes.
func (l *loader) checkLogin(credential, own *document.Value, account *Account) {
	if account.Provider.NoLogin {
		l.failVerify(credential, own, account, "verify", "leave it out", "what %s makes logs in to no mail server", account.Provider.Code)
	}
}

// checkMail reports a mail server that is missing, or that is asked about passwords which the provider reads back.
func (l *loader) checkMail(c *rawCredential, account *Account, address string) {
	code, readBack := account.Provider.Code, account.Provider.ReadBack
	switch {
	case address == "" && readBack:
		l.failVerify(c.at, c.verify, account, "verify.smtp.address", "use provider: "+code+" reads the password back itself", "is missing")
	case address == "":
		l.failVerify(c.at, c.verify, account, "verify.smtp.address", "give it here, at the account or under defaults", "is missing")
	case readBack:
		at := c.verify
		if at == nil {
			if at = l.blame(account, "verify.smtp"); at == nil {
				return
			}
			if own := at.Child("verify"); own != nil {
				at = own
			}
		}
		at.Warn("use provider", "%s reads the password back itself, and a mail server that does not know it refuses all of them", code)
	}
}
