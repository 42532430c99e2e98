package core

import (
	"encoding/json"
	"net/http"
	"time"
)

// Outcome says what became of a call: it picks the provider's own words, and the counter.
type Outcome int

// The outcomes.
const (
	OutRead         Outcome = iota // answered, nothing changed
	OutAccepted                    // a password was set or issued, a mail sent
	OutRepeat                      // refused: the password that stands
	OutRejected                    // refused: breaks the password rule
	OutUnknown                     // refused: no such target
	OutUnauthorized                // refused: keys, signature, clock
	OutMalformed                   // refused: not a request that the provider documents
	OutThrottled                   // refused: too many requests
	OutFailed                      // the provider's internal error
	OutUnavailable                 // the provider says that it did nothing
	numOutcomes
)

// Call is one authenticated request, taken apart by the provider's own half.
type Call struct {
	Op      string   // the provider's name of the operation
	Target  string   // as the ledger names it; "" if the operation has none
	Also    []string // other names by which a fault may call the target
	Changes bool     // whether it changes something at the provider
	Account *Account
	Pass    Pass // what its account's window said; set before Do and Refuse
	// Do carries it out. lag is how long the SMTP side goes on with the old password.
	Do func(lag time.Duration) Reply
	// Refuse answers in the provider's own words without carrying it out.
	Refuse func(Refusal) Reply
}

// Refusal is what to say no with.
type Refusal struct {
	Outcome    Outcome
	RetryAfter time.Duration // for OutThrottled
	Code       string        // a code to give instead of the outcome's own; "" if none
	Status     int           // the HTTP status that goes with Code; 0 means the provider's usual one
}

// Reply is one answer, before any fault spoils it.
type Reply struct {
	Status      int
	Header      http.Header
	ContentType string
	Body        []byte
	Outcome     Outcome

	cut bool // send half of the body, then close the connection
}

// Reason is one row of a provider's table of refusals.
type Reason struct {
	Status  int
	Code    string
	Message string
}

// Because is a reason in a provider's own words.
func Because(status int, code, message string) Reason {
	return Reason{Status: status, Code: code, Message: message}
}

// In looks a refusal up in a provider's table. An explicit code wins; where the table has it, with its own status.
func (r Refusal) In(table map[Outcome]Reason) Reason {
	row := table[r.Outcome]
	if r.Code != "" && r.Code != row.Code {
		row.Code, row.Message = r.Code, "Injected by the sandbox."
		for _, other := range table {
			if other.Code == r.Code {
				row = other
			}
		}
	}
	if r.Status != 0 {
		row.Status = r.Status
	}
	return row
}

// JSONReply marshals v, which holds nothing that cannot be marshalled.
func JSONReply(status int, v any, o Outcome) Reply {
	body, err := json.Marshal(v)
	if err != nil {
		return Reply{Status: http.StatusInternalServerError, Outcome: OutFailed}
	}
	return Reply{Status: status, ContentType: "application/json; charset=utf-8", Body: body, Outcome: o}
}
