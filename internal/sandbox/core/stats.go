package core

import "sync/atomic"

// stats are the counters of one stand-in.
type stats struct {
	outcomes         [numOutcomes]atomic.Int64
	throttledByFault atomic.Int64
	lostReplies      atomic.Int64
	loginsOK         atomic.Int64
	loginsRefused    atomic.Int64
	passwordsInURL   atomic.Int64
	keyRefusals      atomic.Int64
	arrivals         meter
}

// Stats are the counters of one stand-in as GET /stats shows them, since the start or the last reset.
type Stats struct {
	Accepted     int64        `json:"accepted"`     // passwords set or issued, mails sent
	LostReplies  int64        `json:"lost_replies"` // of those, how many had their reply cut off
	Reads        int64        `json:"reads"`        // calls that change nothing
	Repeats      int64        `json:"repeats"`      // refused as the password that stands, injected ones included
	Rejected     int64        `json:"rejected"`     // refused by rule, injected ones included
	Unknown      int64        `json:"unknown"`      // no such target
	Unauthorized int64        `json:"unauthorized"` // keys, signature, clock
	Malformed    int64        `json:"malformed"`    // not a documented request
	Failed       int64        `json:"failed"`       // internal errors
	Unavailable  int64        `json:"unavailable"`  // "nothing was done"
	RateLimited  int64        `json:"rate_limited"` // answers of "too many requests", injected ones included
	Injected429  int64        `json:"rate_limited_injected"`
	LoginsOK     int64        `json:"logins_ok"`
	LoginsNo     int64        `json:"logins_refused"`
	KeyRefusals  int64        `json:"key_refusals"`     // of the unauthorized: the key is unknown or inactive, or its secret is wrong
	InURL        int64        `json:"passwords_in_url"` // requests whose URL held the password although a body could
	MaxPerSecond int          `json:"max_per_second"`   // requests in any sliding second, whatever was answered
	Holding      int          `json:"holding"`          // replies that are being held now
	Faults       map[Kind]int `json:"faults"`           // how often each kind struck
}

func (s *stats) count(o Outcome) { s.outcomes[o].Add(1) }

func (s *stats) snapshot() Stats {
	n := func(o Outcome) int64 { return s.outcomes[o].Load() }
	return Stats{
		Accepted: n(OutAccepted), LostReplies: s.lostReplies.Load(), Reads: n(OutRead), Repeats: n(OutRepeat),
		Rejected: n(OutRejected), Unknown: n(OutUnknown), Unauthorized: n(OutUnauthorized), Malformed: n(OutMalformed),
		Failed: n(OutFailed), Unavailable: n(OutUnavailable), RateLimited: n(OutThrottled),
		Injected429: s.throttledByFault.Load(), LoginsOK: s.loginsOK.Load(), LoginsNo: s.loginsRefused.Load(),
		InURL: s.passwordsInURL.Load(), KeyRefusals: s.keyRefusals.Load(), MaxPerSecond: s.arrivals.max(),
	}
}

func (s *stats) reset() {
	for i := range s.outcomes {
		s.outcomes[i].Store(0)
	}
	for _, c := range []*atomic.Int64{&s.throttledByFault, &s.lostReplies, &s.loginsOK, &s.loginsRefused, &s.passwordsInURL, &s.keyRefusals} {
		c.Store(0)
	}
	s.arrivals.reset()
}
