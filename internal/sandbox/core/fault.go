package core

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Kind names what a fault does.
type Kind string

// The kinds of faults that every stand-in has.
const (
	LoseRequest  Kind = "lose_request"  // closes the connection; nothing happened
	LoseReply    Kind = "lose_reply"    // carries the call out and closes the connection
	Delaying     Kind = "delay"         // waits, before or after carrying it out
	Hold         Kind = "hold"          // waits for POST /release, before or after
	RateLimit    Kind = "rate_limit"    // the provider's answer to too many requests
	ServerError  Kind = "server_error"  // the provider's internal error, before or after
	Unavailable  Kind = "unavailable"   // the provider's "nothing was done, try again"
	Repeat       Kind = "repeat"        // refuses the password as the one that stands
	Reject       Kind = "reject"        // refuses the password by rule
	Unauthorized Kind = "unauthorized"  // refuses the keys
	NotFound     Kind = "not_found"     // knows no such target
	WithCode     Kind = "code"          // answers with Code and Status, whatever they are
	HTML         Kind = "html"          // a proxy's page with HTTP 200, or Status
	Truncated    Kind = "truncated"     // cuts the connection in the middle of the body
	Empty        Kind = "empty"         // HTTP 200 without a body
	WrongCharset Kind = "wrong_charset" // the body is UTF-8 and says UTF-16
	Propagation  Kind = "propagation"   // SMTP goes on with the old password for Delay
	AuthLimit    Kind = "auth_limit"    // SMTP answers 450 to more than Limit logins of an address within Delay
	Ban          Kind = "ban"           // SMTP keeps an address out for Delay after Limit refusals within Delay
	Penalty      Kind = "penalty"       // SMTP holds answers to an address back, by Delay for each refusal in a row
)

// NotSynced is Propagation, and the reply admits it, where replies say whether a password is live.
const NotSynced Kind = "not_synced"

// When is where a fault strikes: before the call is carried out, so that nothing happens, or after.
type When string

// The places of a fault.
const (
	Before When = "before"
	After  When = "after"
)

// At is the server on which a fault strikes.
type At string

// The servers.
const (
	AtAPI  At = "api"
	AtSMTP At = "smtp"
)

// Fault is one fault that the sandbox is asked to inject, as POST /faults takes it.
type Fault struct {
	ID       int    `json:"id"`                 // given by the sandbox
	Provider string `json:"provider,omitempty"` // "" means every one
	Target   string `json:"target,omitempty"`   // as in GET /state, or an SMTP user name; "" means every one
	Op       string `json:"op,omitempty"`       // the provider's name of an operation, "*" for any; "" means those that change something
	At       At     `json:"at,omitempty"`       // default AtAPI
	Kind     Kind   `json:"kind"`
	When     When   `json:"when,omitempty"` // default: see the table of docs/sandbox.md
	// Count is how often it strikes: 0 means once, or without end if Probability or For is set; below 0 without end.
	Count int `json:"count,omitempty"`
	// Probability, of each call that it could strike; 0 means always. The choices repeat with the seed.
	Probability float64  `json:"probability,omitempty"`
	Delay       Duration `json:"delay,omitempty"`       // of delay and propagation; the longest time of hold
	RetryAfter  Duration `json:"retry_after,omitempty"` // of rate_limit
	For         Duration `json:"for,omitempty"`         // how long it can strike; 0 means until it is used up or dropped
	Limit       int      `json:"limit,omitempty"`       // of auth_limit and ban
	Code        string   `json:"code,omitempty"`        // a provider's code, for code and for any refusal
	Status      int      `json:"status,omitempty"`      // the HTTP status, for code, html and any refusal

	ends time.Time // by For; zero means never
}

// Duration is a time.Duration that is written as "1.5s".
type Duration time.Duration

func (d Duration) std() time.Duration { return time.Duration(d) }

// MarshalText writes the duration as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// maxDelay bounds how long a fault may hold something up.
const maxDelay = 10 * time.Minute

// trait is what a kind of fault may be asked for.
type trait struct {
	places []When // the first is the default
	smtp   bool   // also at the SMTP server
	lag    bool   // changes what SMTP accepts, and goes together with any other fault
	delay  time.Duration
	spoils map[string]func(Reply) Reply // what it makes of a reply, by the providers that it exists at; nil means every one
	guard  bool                         // watches over SMTP clients by their address; stands until it is dropped
	limit  int                          // the default of a guard's limit
}

// isOf tells whether the fault exists at a provider.
func (t trait) isOf(code string) bool { return t.spoils == nil || t.spoils[code] != nil }

// common is the table of the kinds that every stand-in has. docs/sandbox.md repeats it in words.
var common = map[Kind]trait{
	LoseRequest:  {places: []When{Before}, smtp: true},
	LoseReply:    {places: []When{After}},
	Delaying:     {places: []When{Before, After}, smtp: true, delay: time.Second},
	Hold:         {places: []When{After, Before}, delay: maxDelay},
	RateLimit:    {places: []When{Before}},
	ServerError:  {places: []When{Before, After}},
	Unavailable:  {places: []When{Before}, smtp: true},
	Repeat:       {places: []When{Before}},
	Reject:       {places: []When{Before}, smtp: true},
	Unauthorized: {places: []When{Before}},
	NotFound:     {places: []When{Before}},
	WithCode:     {places: []When{Before, After}},
	HTML:         {places: []When{Before, After}},
	Truncated:    {places: []When{After}},
	Empty:        {places: []When{Before, After}},
	WrongCharset: {places: []When{After}},
	Propagation:  {places: []When{After}, lag: true, delay: time.Second},
	AuthLimit:    {places: []When{Before}, smtp: true, guard: true, delay: time.Minute, limit: 10},
	Ban:          {places: []When{Before}, smtp: true, guard: true, delay: maxDelay, limit: 5},
	Penalty:      {places: []When{Before}, smtp: true, guard: true, delay: 2 * time.Second},
}

// traitsOf adds the stand-ins' own kinds.
func traitsOf(standIns []StandIn) map[Kind]trait {
	all := maps.Clone(common)
	for _, d := range standIns {
		for _, own := range d.Faults {
			t, known := all[own.Kind]
			if !known {
				t = trait{places: []When{After}, lag: own.Lags, spoils: map[string]func(Reply) Reply{}}
			}
			if own.Lags {
				t.delay = common[Propagation].delay
			}
			t.spoils[d.Code] = own.Spoil
			all[own.Kind] = t
		}
	}
	return all
}

// refusals are the kinds that answer as the provider would.
var refusals = map[Kind]Outcome{
	RateLimit:    OutThrottled,
	ServerError:  OutFailed,
	Unavailable:  OutUnavailable,
	Repeat:       OutRepeat,
	Reject:       OutRejected,
	Unauthorized: OutUnauthorized,
	NotFound:     OutUnknown,
	WithCode:     OutFailed,
}

// check fills in the defaults and refuses what makes no sense.
func (f *Fault) check(known func(code string) bool, traits map[Kind]trait) error {
	t, ok := traits[f.Kind]
	if !ok {
		return fmt.Errorf("fault kind %q is unknown", f.Kind)
	}
	if f.Provider != "" && !known(f.Provider) {
		return fmt.Errorf("provider %q is unknown", f.Provider)
	}
	at := slices.Sorted(maps.Keys(t.spoils))
	if f.Provider == "" && len(at) == 1 {
		f.Provider = at[0]
	}
	if f.When == "" {
		f.When = t.places[0]
	}
	if f.At == "" && t.guard {
		f.At = AtSMTP
	}
	if f.At == "" {
		f.At = AtAPI
	}
	if f.Limit == 0 {
		f.Limit = t.limit
	}
	if f.Delay == 0 {
		f.Delay = Duration(t.delay)
	}
	switch {
	case !t.isOf(f.Provider) && f.Provider != "":
		return fmt.Errorf("fault %s exists at %s only", f.Kind, strings.Join(at, ", "))
	case !slices.Contains(t.places, f.When):
		return fmt.Errorf("fault %s strikes %v, not %q", f.Kind, t.places, f.When)
	case f.At != AtAPI && f.At != AtSMTP:
		return fmt.Errorf("faults strike at api or smtp, not at %q", f.At)
	case t.guard && (f.At != AtSMTP || f.Target != "" || f.Count > 0 || f.Probability != 0):
		return fmt.Errorf("fault %s stands over all logins at smtp until it is dropped: it takes no target, count or probability", f.Kind)
	case f.Limit < 0 || f.Limit > maxFaults || f.Limit > 0 && t.limit == 0:
		return fmt.Errorf("a limit is for auth_limit and ban, and from 1 to %d", maxFaults)
	case f.At == AtSMTP && !t.smtp:
		return fmt.Errorf("fault %s does not exist at smtp", f.Kind)
	case f.Probability < 0 || f.Probability > 1:
		return fmt.Errorf("probability %v is not between 0 and 1", f.Probability)
	case f.Delay < 0 || f.Delay > Duration(maxDelay) || f.RetryAfter < 0 || f.RetryAfter > Duration(maxDelay) ||
		f.For < 0 || f.For > Duration(maxDelay):
		return fmt.Errorf("a delay is between 0 and %v, and so are retry_after and for", maxDelay)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status %d is not an HTTP status that ends a request", f.Status)
	case f.Kind == WithCode && f.Code == "":
		return errors.New("fault code needs a code")
	}
	if f.Count == 0 && f.Probability == 0 && f.For == 0 && !t.guard {
		f.Count = 1
	} else if f.Count == 0 {
		f.Count = -1
	}
	return nil
}
