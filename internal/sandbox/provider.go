package sandbox

import (
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"time"
)

// provider describes one stand-in: what a running service is built from.
type provider struct {
	code     string
	key      Key // the default key
	rate     Rate
	targets  []Target // known by default
	contacts bool     // keeps contacts, not passwords
	repeats  bool     // setting the password that stands is an error
	// check returns the canonical spelling of a target, or says what is wrong with it.
	check func(Target) (Target, error)
	// names are the SMTP user names of a target, in lower case; nil if there is no SMTP server.
	names func(record) []string
	// user turns a user name that a client logs in with into one of names; nil leaves it alone.
	user func(string) string
	open func(*service, Options) opener
}

// providers lists the stand-ins in the order of their ports.
func providers() []provider {
	return []provider{
		{
			code: AlibabaDirectMail, key: Key{ID: "testid", Secret: "testsecret"}, rate: Rate{5, time.Second},
			targets: []Target{{Target: "example.com"}}, repeats: true,
			check: checkDomain, names: ownName, user: domainOf,
			open: func(s *service, o Options) opener { return directMail{newGateway(s), o}.open },
		},
		{
			code: AlibabaDomain, key: Key{ID: "testid", Secret: "testsecret"}, rate: Rate{5, time.Second},
			targets:  []Target{{Target: "aaa@test.com", Mailed: true}, {Target: "bbb@test.com", MailsADay: -1}},
			contacts: true, check: checkAddress,
			open: func(s *service, o Options) opener { return contacts{newGateway(s), o.ReplyShape}.open },
		},
		{
			code: Enom, key: Key{ID: "resellid", Secret: "resellpw"}, rate: Rate{2, time.Second},
			targets: []Target{{Target: "resellerdocs.com"}}, check: checkDomain,
			open: func(s *service, o Options) opener { return enom{s, o}.open },
		},
		{
			code: KirimEmail, key: Key{ID: "api", Secret: "test-token"}, rate: Rate{1200, time.Minute},
			targets: []Target{{Target: "example.com/92703823-f3a4-48e2-8e87-7adf25454800", Username: "myuser"}},
			check:   checkKirim, names: kirimNames,
			open: func(s *service, _ Options) opener { return kirim{s}.open },
		},
		{
			code: TencentSES, key: Key{ID: "testid", Secret: "testsecret"}, rate: Rate{20, time.Second},
			targets: []Target{{Target: "alerts@example.com"}}, repeats: true,
			check: checkAddress, names: ownName,
			open: func(s *service, _ Options) opener { return tencent{s}.open },
		},
	}
}

// ownName is for targets that are their own user name.
func ownName(r record) []string { return []string{r.Target} }

var (
	domainShape = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)
	guidShape   = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

func checkDomain(t Target) (Target, error) {
	t.Target = strings.ToLower(t.Target)
	if !domainShape.MatchString(t.Target) {
		return t, fmt.Errorf("target %q is not a domain", t.Target)
	}
	return t, nil
}

func checkAddress(t Target) (Target, error) {
	t.Target = strings.ToLower(t.Target)
	if a, err := mail.ParseAddress(t.Target); err != nil || a.Address != t.Target || len(t.Target) > 128 {
		return t, fmt.Errorf("target %q is not an address", t.Target)
	}
	return t, nil
}

// checkKirim wants DOMAIN/GUID; the user name defaults to one made of the GUID.
func checkKirim(t Target) (Target, error) {
	t.Target = strings.ToLower(t.Target)
	domain, guid, _ := strings.Cut(t.Target, "/")
	if !domainShape.MatchString(domain) || !guidShape.MatchString(guid) {
		return t, fmt.Errorf("target %q is not DOMAIN/GUID", t.Target)
	}
	if t.Username == "" {
		t.Username = "user-" + strings.ReplaceAll(guid, "-", "")
	}
	return t, nil
}
