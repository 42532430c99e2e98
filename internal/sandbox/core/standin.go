package core

import (
	"fmt"
	"net/http"
	"net/mail"
	"regexp"
	"strings"
)

// StandIn describes the stand-in of one provider. Each package beside this one exports one; internal/sandbox lists them.
type StandIn struct {
	Code string // as everywhere in keyturn
	// Ports are its own for good, so that a configuration which names them stays right.
	Ports Ports
	Key   Key // the default key
	// Cloud is shared by stand-ins whose calls may be signed with the keys of the same users; "" where no user has any.
	Cloud string
	Rate  Rate // of every key that names none
	// TellsWait says that its answer to too many requests says how long to wait.
	TellsWait bool

	Targets  []Target // known by default; the first is the one that tests ask for
	Unknown  string   // a target like the first that it does not know
	Username string   // what a program logs in with for the first target; "" if there is no SMTP server
	Contacts bool     // keeps contacts, not passwords
	Repeats  bool     // setting the password that stands is an error

	// AnyPassword says that it refuses none for its rule.
	AnyPassword bool

	Options []string   // the names of those that Open takes
	Faults  []OwnFault // beside those of every stand-in

	// Check returns the canonical spelling of a target, or says what is wrong with it.
	Check func(Target) (Target, error)
	// Names are the SMTP user names of a target, in lower case; nil if there is no SMTP server.
	Names func(Record) []string
	// User turns a user name that a client logs in with into one of Names; nil leaves it alone.
	User func(string) string
	// Open makes the provider's own half of a running service, or says what is wrong with an option.
	Open func(*Service, Options) (Opener, error)
}

// Ports are how far the ports of a stand-in are from that of the admin API.
type Ports struct {
	API  int
	SMTP int // with implicit TLS; the next one has STARTTLS. 0 if there is no SMTP server
}

// Opener is a provider's own half: it authenticates a request and takes it apart, or returns the reply that refuses it.
type Opener func(r *http.Request, body []byte) (*Call, *Reply)

// OwnFault is a kind of fault that exists at one stand-in only. It strikes after the call was carried out.
type OwnFault struct {
	Kind Kind
	// Lags says that SMTP goes on with the old password for the delay of the fault, as with Propagation.
	Lags bool
	// Spoil makes of the reply what the fault asks for.
	Spoil func(Reply) Reply
}

// Options select between the answers that a provider has been seen to give, by name.
type Options map[string]string

// OneOf reads an option that has one of the values; the first is the default.
func (o Options) OneOf(name string, values ...string) (string, error) {
	value, given := o[name]
	if !given {
		return values[0], nil
	}
	for _, v := range values {
		if v == value {
			return value, nil
		}
	}
	return "", fmt.Errorf("%s %q is not one of %s", name, value, strings.Join(values, ", "))
}

// OwnName is Names for targets that are their own user name.
func OwnName(r Record) []string { return []string{r.Target} }

var domainShape = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)

// IsDomain says whether s is a domain in lower case.
func IsDomain(s string) bool { return domainShape.MatchString(s) }

// CheckDomain is Check for targets that are domains.
func CheckDomain(t Target) (Target, error) {
	t.Target = strings.ToLower(t.Target)
	if !IsDomain(t.Target) {
		return t, fmt.Errorf("target %q is not a domain", t.Target)
	}
	return t, nil
}

// CheckAddress is Check for targets that are mail addresses.
func CheckAddress(t Target) (Target, error) {
	t.Target = strings.ToLower(t.Target)
	if a, err := mail.ParseAddress(t.Target); err != nil || a.Address != t.Target || len(t.Target) > 128 {
		return t, fmt.Errorf("target %q is not an address", t.Target)
	}
	return t, nil
}
