package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"keyturn/internal/smtpauth"
)

// MailServer is a server at which passwords are verified, as the settings of some credentials say.
type MailServer struct {
	Server   *smtpauth.Server
	Address  string
	Accounts []string
}

// Look connects, encrypts and says EHLO, and does not log in.
func (m MailServer) Look(ctx context.Context) []Finding {
	f := Finding{Area: AreaMail, Subject: m.Address, Severity: OK}
	mechanisms, err := m.Server.Check(ctx)
	if err == nil {
		f.What = fmt.Sprintf("offers AUTH %s over TLS, for %s", strings.Join(mechanisms, ", "), accounts(m.Accounts))
		return []Finding{f}
	}
	return []Finding{m.fault(f, err)}
}

// Unusable is the finding about settings of which no server could be made.
func (m MailServer) Unusable(err error) []Finding {
	return []Finding{m.fault(Finding{Area: AreaMail, Subject: m.Address}, err)}
}

func (m MailServer) fault(f Finding, err error) Finding {
	f.Severity, f.What = Error, strings.TrimPrefix(err.Error(), "smtp "+m.Address+": ")
	f.Why = "no password can be verified there, so that rotations of " + accounts(m.Accounts) + " wait, or end unverified"
	host, port, _ := strings.Cut(m.Address, ":")
	switch mechanism := (smtpauth.MechanismError{}); {
	case errors.Is(err, smtpauth.ErrNoAUTH):
		f.Fix = "name the submission port, which is 465 or 587 and not 25, or have the server offer AUTH to this machine"
	case errors.Is(err, smtpauth.ErrNoSTARTTLS):
		f.Fix = "set verify.smtp.tls to implicit if this port speaks TLS from the first byte, or have the server offer STARTTLS"
		f.Commands = []string{fmt.Sprintf("openssl s_client -connect %s:%s -starttls smtp", host, port)}
	case errors.As(err, &mechanism):
		f.Fix = "leave verify.smtp.mechanism out, or have the server offer PLAIN or LOGIN over TLS"
	case strings.Contains(f.What, "certificate") || strings.Contains(f.What, "x509"):
		f.Fix = "name the server as its certificate does, or name its authority in verify.smtp.ca_file"
	case strings.Contains(f.What, "first record does not look like a TLS handshake"):
		f.Fix = "set verify.smtp.tls to starttls: the server begins in clear"
	default:
		f.Fix = "check verify.smtp.address and tls, and that the server accepts connections from this machine"
	}
	return f
}
