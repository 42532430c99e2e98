package fleetsim

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// trouble is a kind of fault.
type trouble string

// The troubles, and what they befall.
const (
	redisAway    trouble = "redis is away"                            // all
	redisEmptied trouble = "redis is emptied"                         // all, at once
	redisAhead   trouble = "redis's clock is two months ahead"        // all
	redisBehind  trouble = "redis's clock is an hour behind"          // all
	redisFull    trouble = "redis takes no writes"                    // all: OOM, READONLY
	vaultAway    trouble = "vault is sealed"                          // all
	workerKilled trouble = "a worker is killed"                       // at once
	schedKilled  trouble = "a scheduler is killed"                    // at once
	reloaded     trouble = "the configuration is read again"          // at once, without some credentials until it heals
	crashes      trouble = "workers die at port calls"                // an account
	flaky        trouble = "calls of vault fail or lose their answer" // an account
	lagging      trouble = "a standby of vault lags"                  // an account
	unreadable   trouble = "no scheduler can read the account"        // an account
	throttled    trouble = "every second call is answered 429"        // an account
	unavailable  trouble = "the provider is unavailable"              // an account
	providerAway trouble = "the provider cannot be reached"           // an account
	unauthorized trouble = "the management key is refused"            // an account
	doubts       trouble = "calls are in doubt"                       // an account
	lateCalls    trouble = "calls land late"                          // an account
	targetGone   trouble = "the target is unknown"                    // a credential
	ruled        trouble = "every password breaks the rule"           // a credential
	byHand       trouble = "a person changes the password"            // a credential, at once
	mistyped     trouble = "the verifier's user name is mistyped"     // a credential
	forbidden    trouble = "the login is forbidden by policy"         // a credential
	mailAway     trouble = "the mail server is away"                  // a server
	refusesAll   trouble = "the mail server refuses everybody"        // a server
	blocked      trouble = "the mail server blocks this address"      // a server
	greylists    trouble = "the mail server greylists"                // a server
	busy         trouble = "the mail server's logins are out of order"
	limits       trouble = "the mail server limits logins"
	slowSpread   trouble = "passwords spread slowly"
)

// disturbing is what makes a wish cost more than one rotation.
var disturbing = []trouble{
	redisAway, redisEmptied, redisAhead, redisBehind, redisFull, lagging, vaultAway, workerKilled, crashes, flaky, doubts, lateCalls, targetGone, ruled, byHand,
	mistyped, forbidden, mailAway, refusesAll, blocked, greylists, busy,
}

// fault is a trouble for a time, of one or of all.
type fault struct {
	trouble trouble
	whom    string // "" for all
	at      time.Time
	lasts   time.Duration
}

func (f fault) String() string { return fmt.Sprintf("%s (%s) for %s", f.trouble, f.whom, f.lasts) }

// befalling is a trouble with how long it lasts at least and at most, and whom it befalls.
type befalling struct {
	trouble     trouble
	least, most time.Duration
	whom        func(*Sim, uint64) string
}

var troubles = []befalling{
	{redisAway, 10 * time.Second, 10 * time.Minute, everyone},
	{redisEmptied, time.Second, 2 * time.Second, everyone},
	{redisAhead, time.Minute, 20 * time.Minute, everyone},
	{redisBehind, time.Minute, 20 * time.Minute, everyone},
	{redisFull, 10 * time.Second, time.Hour, everyone},
	{vaultAway, 30 * time.Second, 3 * time.Hour, everyone},
	{workerKilled, time.Second, 2 * time.Second, everyone},
	{schedKilled, time.Second, 2 * time.Second, everyone},
	{reloaded, 10 * time.Minute, 2 * time.Hour, everyone},
	{crashes, 10 * time.Minute, 2 * time.Hour, anAccount},
	{flaky, 10 * time.Minute, 2 * time.Hour, anAccount},
	{lagging, 10 * time.Minute, 6 * time.Hour, anAccount},
	{unreadable, 10 * time.Minute, 12 * time.Hour, anAccount},
	{throttled, 10 * time.Minute, 12 * time.Hour, anAccount},
	{unavailable, 10 * time.Minute, 6 * time.Hour, anAccount},
	{providerAway, 10 * time.Minute, 6 * time.Hour, anAccount},
	{unauthorized, 10 * time.Minute, 12 * time.Hour, anAccount},
	{doubts, 10 * time.Minute, 12 * time.Hour, anAccount},
	{lateCalls, 10 * time.Minute, 6 * time.Hour, anAccount},
	{targetGone, time.Hour, 5 * 24 * time.Hour, aCredential},
	{ruled, time.Hour, 5 * 24 * time.Hour, aCredential},
	{byHand, time.Second, 2 * time.Second, aCredential},
	{mistyped, 24 * time.Hour, 10 * 24 * time.Hour, aMailCredential},
	{forbidden, 24 * time.Hour, 5 * 24 * time.Hour, aMailCredential},
	{mailAway, 10 * time.Minute, 12 * time.Hour, aServer},
	{refusesAll, 10 * time.Minute, 12 * time.Hour, aServer},
	{blocked, 10 * time.Minute, 12 * time.Hour, aServer},
	{greylists, 10 * time.Minute, 12 * time.Hour, aServer},
	{busy, 10 * time.Minute, 6 * time.Hour, aServer},
	{limits, time.Hour, 24 * time.Hour, aServer},
	{slowSpread, time.Hour, 3 * 24 * time.Hour, aServer},
}

func everyone(*Sim, uint64) string { return "" }

func anAccount(s *Sim, n uint64) string {
	return s.accounts[s.below(len(s.accounts), "plan", "account", n)].name
}

func aCredential(s *Sim, n uint64) string {
	return s.order[s.below(len(s.order), "plan", "credential", n)].cred.ID
}

func aMailCredential(s *Sim, n uint64) string {
	for ; ; n += 1 << 32 {
		if id := aCredential(s, n); s.cells[id].server != nil {
			return id
		}
	}
}

func aServer(s *Sim, n uint64) string {
	return s.servers[s.below(len(s.servers), "plan", "server", n)].address
}

// makePlan lays out all faults. Each trouble comes once before any comes twice. The last days are quiet.
func (s *Sim) makePlan() {
	kinds := troubles
	if s.Only != nil {
		kinds = slices.DeleteFunc(slices.Clone(troubles), func(k befalling) bool { return !slices.Contains(s.Only, k.trouble) })
	}
	step := 24 * time.Hour / time.Duration(s.FaultsADay)
	at, end := s.begin.Add(6*time.Hour), s.end.Add(-s.calm)
	for n := uint64(0); at.Before(end); n++ {
		round, i := n/uint64(len(kinds)), int(n)%len(kinds)
		k := s.shuffled(kinds, round)[i]
		f := fault{trouble: k.trouble, whom: k.whom(s, n), lasts: s.between(k.least, k.most, "plan", "lasts", n)}
		f.at = at.Add(s.between(0, step, "plan", "at", n))
		if f.at.Add(f.lasts).Before(end) {
			s.plan = append(s.plan, f)
		}
		at = at.Add(step)
	}
}

// shuffled are the troubles in the order of one round.
func (s *Sim) shuffled(kinds []befalling, round uint64) []befalling {
	kinds = slices.Clone(kinds)
	slices.SortFunc(kinds, func(a, b befalling) int {
		return cmp.Compare(s.hash("plan", string(a.trouble), round), s.hash("plan", string(b.trouble), round))
	})
	return kinds
}

// misbehave has every fault come and go.
func (s *Sim) misbehave() {
	for _, f := range s.plan {
		s.running.Go(func() {
			if sleep(s.ctx, f.at.Sub(virtual())) != nil {
				return
			}
			s.befall(f, 1)
			if sleep(s.ctx, f.lasts) != nil {
				return
			}
			s.befall(f, -1)
		})
	}
}

// befall begins a fault, or ends it.
func (s *Sim) befall(f fault, sign int) {
	s.mu.Lock()
	it := troubled{f.trouble, f.whom}
	s.ongoing[it] += sign
	s.last[it] = virtual()
	if sign > 0 {
		s.report.Came[f.trouble]++
	}
	count, others := s.ongoing[it], 0
	for other, n := range s.ongoing {
		if other.whom == f.whom && other.trouble != reloaded && other.trouble != slowSpread {
			others += n
		}
	}
	s.mu.Unlock()
	if f.trouble != reloaded && f.trouble != slowSpread { // some credentials only; nothing that may be noticed
		s.span(f.whom, others > 0)
	}
	s.alerted()
	if sign > 0 {
		s.log("fault: %s", f)
	} else {
		s.log("healed: %s", f)
	}
	switch f.trouble {
	case redisEmptied:
		if sign > 0 {
			s.flush()
		}
	case redisAhead:
		s.ahead.Add(int64(sign) * int64(60*24*time.Hour))
	case redisBehind:
		s.ahead.Add(-int64(sign) * int64(time.Hour))
	case workerKilled, schedKilled:
		if sign > 0 {
			s.killOne(f.trouble == workerKilled, f.at)
		}
	case reloaded:
		s.reload(count > 0)
	case byHand:
		if sign > 0 {
			c := s.cells[f.whom]
			c.blame(string(f.trouble))
			c.changeByHand()
		}
	case redisAway, redisFull:
		s.queue.kick()
	case mistyped, forbidden:
		s.cells[f.whom].blame(string(f.trouble))
	case targetGone, ruled:
		if sign < 0 {
			s.alerted()
		}
	default:
	}
}

// flush is FLUSHALL.
func (s *Sim) flush() {
	s.index.Flush()
	s.slots.Flush()
	for _, m := range s.servers {
		m.ledger.Flush()
	}
	s.queue.flush()
}
