package sandbox

import (
	"encoding/json"
	"net/http"
	"time"
)

// outcome says what became of a call: it picks the provider's own words, and the counter.
type outcome int

const (
	outRead         outcome = iota // answered, nothing changed
	outAccepted                    // a password was set or issued, a mail sent
	outRepeat                      // refused: the password that stands
	outRejected                    // refused: breaks the password rule
	outUnknown                     // refused: no such target
	outUnauthorized                // refused: keys, signature, clock
	outMalformed                   // refused: not a request that the provider documents
	outThrottled                   // refused: too many requests
	outFailed                      // the provider's internal error
	outUnavailable                 // the provider says that it did nothing
	numOutcomes
)

// call is one authenticated request, taken apart by the provider's own half.
type call struct {
	op      string   // the provider's name of the operation
	target  string   // as the ledger names it; "" if the operation has none
	also    []string // other names by which a fault may call the target
	changes bool     // whether it changes something at the provider
	account *account
	pass    pass // what its account's window said; set before do and refuse
	// do carries it out. lag is how long the SMTP side goes on with the old password.
	do func(lag lag) reply
	// refuse answers in the provider's own words without carrying it out.
	refuse func(refusal) reply
}

// lag is how far the SMTP side stays behind the API.
type lag struct {
	delay    time.Duration
	unsynced bool // and the reply admits it (KIRIM.EMAIL)
}

// refusal is what to say no with.
type refusal struct {
	outcome    outcome
	retryAfter time.Duration // for outThrottled
	code       string        // a code to give instead of the outcome's own; "" if none
	status     int           // the HTTP status that goes with code; 0 means the provider's usual one
}

// reply is one answer, before any fault spoils it.
type reply struct {
	status  int
	header  http.Header
	kind    string // Content-Type
	body    []byte
	outcome outcome
	cut     bool // send half of the body, then close the connection
}

// reason is one row of a provider's table of refusals.
type reason struct {
	status  int
	code    string
	message string
}

// in looks a refusal up in a provider's table. An explicit code wins; where the table has it, with its own status.
func (r refusal) in(table map[outcome]reason) reason {
	row := table[r.outcome]
	if r.code != "" && r.code != row.code {
		row.code, row.message = r.code, "Injected by the sandbox."
		for _, other := range table {
			if other.code == r.code {
				row = other
			}
		}
	}
	if r.status != 0 {
		row.status = r.status
	}
	return row
}

// jsonReply marshals v, which holds nothing that cannot be marshalled.
func jsonReply(status int, v any, o outcome) reply {
	body, err := json.Marshal(v)
	if err != nil {
		return reply{status: http.StatusInternalServerError, outcome: outFailed}
	}
	return reply{status: status, kind: "application/json; charset=utf-8", body: body, outcome: o}
}
