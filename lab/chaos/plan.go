package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// kind is what an event does.
type kind string

const (
	killWorker    kind = "kill worker"    // SIGKILL, whatever it is doing
	killCaller    kind = "kill caller"    // SIGKILL of the worker that waits for a provider's answer
	killScheduler kind = "kill scheduler" // SIGKILL
	pauseWorker   kind = "pause worker"   // SIGSTOP past its lease, SIGCONT
	pauseCaller   kind = "pause caller"   // the same, of the worker that waits for a provider's answer
	lateWrite     kind = "late write"     // the same, and its call lands only after others have rotated the credential twice
	restartRedis  kind = "restart redis"  // SIGKILL, a while without it
	flushRedis    kind = "flush redis"    // FLUSHALL
	sealVault     kind = "seal vault"     // sealed for a while
	killVault     kind = "kill vault"     // SIGKILL, a while without it
	cutOff        kind = "cut off"        // all connections to a server break; for a while there are no new ones
	slowDown      kind = "slow down"      // every reply of a server is late
	swallow       kind = "swallow"        // a server gets the requests, its replies are lost
	misbehave     kind = "misbehave"      // a provider fails in one of its own ways
	mailTrouble   kind = "mail trouble"   // a mail server limits logins, bans addresses, delays its answers or refuses every login
	fillRedis     kind = "fill redis"     // a while without memory: Redis answers reads, and OOM to writes
	demoteRedis   kind = "demote redis"   // a while as a replica: Redis answers reads, and READONLY to writes
	lagVault      kind = "lag vault"      // every other request meets a standby that lags: stale reads, writes refused by its copy
	condemn       kind = "condemn"        // a provider refuses a credential so that it needs a person
	enough        kind = "enough"         // no more rotations are asked for
)

// pauses tells whether it stops a worker for longer than a lease.
func (k kind) pauses() bool { return k == pauseWorker || k == pauseCaller || k == lateWrite }

// event is one fault of the schedule.
type event struct {
	At    int           // how many rotations are behind when it happens
	Kind  kind          //
	Who   int           // which of the processes, or which of the fleet; taken modulo their number
	Where string        // the server, for faults on the wire
	For   time.Duration // how long it lasts
	Fault fault         // for misbehave, condemn, killCaller and pauseCaller
}

func (e event) String() string {
	return fmt.Sprintf("at %d: %s who=%d where=%s for=%v fault=%+v", e.At, e.Kind, e.Who, e.Where, e.For, e.Fault)
}

// fault is what the sandbox is asked for: see docs/sandbox.md.
type fault struct {
	Provider   string `json:"provider,omitempty"`
	Target     string `json:"target,omitempty"`
	At         string `json:"at,omitempty"`
	Kind       string `json:"kind"`
	When       string `json:"when,omitempty"`
	Count      int    `json:"count,omitempty"`
	Delay      string `json:"delay,omitempty"`
	RetryAfter string `json:"retry_after,omitempty"`
	Limit      int    `json:"limit,omitempty"`
	For        string `json:"for,omitempty"`
}

// lease is longer than asynq's (30 s) and than every time-out of keyturn's.
const lease = 35 * time.Second

// pauseLasts is how many rotations a pause lasts, about: it begins so long before the end of the run.
const pauseLasts = 200.0

// lagLasts is longer than a run waits for a node that lags.
const lagLasts = 5 * time.Second

// share is how many events of a kind there are: one in every so many rotations, and at least one.
func share(rotations, every int) int { return (rotations + every - 1) / every }

// extra is how many rotations may happen beyond those that were asked for, while the last faults last and while it
// becomes quiet: what was done is measured by all that happened.
func extra(rotations int) int { return 150 + rotations/20 }

// plan makes the schedule of faults. The same number of rotations and the same seed make the same one.
func plan(rotations int, seed uint64) []event {
	p := planner{rand: rand.New(rand.NewPCG(seed, uint64(rotations))), rotations: rotations} //nolint:gosec // it has to repeat
	rare := share(rotations+extra(rotations), 250)

	kills := share(rotations+extra(rotations), 25)
	p.spread(kills-kills/3-kills/6, 0.9, func(e *event) { e.Kind, e.Fault = killCaller, p.hold() })
	p.spread(kills/3, 0.9, func(e *event) { e.Kind = killWorker })
	p.spread(kills/6, 0.9, func(e *event) { e.Kind = killScheduler })

	p.spread(rare, 0.9, func(e *event) { e.Kind = restartRedis })
	p.spread(rare, 0.9, func(e *event) { e.Kind = flushRedis })
	p.spread(rare, 0.9, func(e *event) { e.Kind = sealVault })
	p.spread(rare, 0.9, func(e *event) { e.Kind = killVault })
	pauses, last := 0, 1-pauseLasts/max(float64(rotations), pauseLasts/0.8)
	p.spread(rare, last, func(e *event) {
		e.For = lease
		switch pauses++; pauses % 3 {
		case 1:
			e.Kind, e.Who = lateWrite, pauses/3
		case 2:
			e.Kind, e.Fault = pauseCaller, p.hold()
		default:
			e.Kind = pauseWorker
		}
	})

	for _, wire := range []kind{cutOff, slowDown, swallow} {
		p.spread(share(rotations, 40), 0.95, func(e *event) { e.Kind, e.Where = wire, pick(p.rand, servers) })
	}
	p.spread(share(rotations, 12), 0.95, func(e *event) { e.Kind, e.Fault = misbehave, p.fault() })
	// It costs a credential of the fleet for the rest of the run, so they are few.
	p.spread(share(rotations, 1000), 0.8, func(e *event) { e.Kind, e.Fault = condemn, p.refusal() })

	troubles := 0
	p.spread(share(rotations, 50), 0.95, func(e *event) {
		e.Kind, e.Fault = mailTrouble, mailTroubles[troubles%len(mailTroubles)]
		e.Fault.Provider = pick(p.rand, providers)
		troubles++
	})

	for _, standing := range []kind{fillRedis, demoteRedis, lagVault} {
		p.spread(rare, 0.9, func(e *event) {
			e.Kind = standing
			if standing == lagVault {
				e.For += lagLasts
			}
		})
	}

	slices.SortStableFunc(p.events, func(a, b event) int { return cmp.Compare(a.At, b.At) })
	return p.events
}

type planner struct {
	rand      *rand.Rand
	rotations int
	events    []event
}

// spread adds n events, one in each nth part of the run up to the fraction until.
func (p *planner) spread(n int, until float64, make func(*event)) {
	for i := range n {
		part := (float64(i) + p.rand.Float64()) / float64(n)
		e := event{At: int(part * until * float64(p.rotations)), Who: p.rand.IntN(1 << 16)}
		e.For = time.Duration(200+p.rand.IntN(2800)) * time.Millisecond
		make(&e)
		p.events = append(p.events, e)
	}
}

// hold holds up a provider's call: before it is carried out, so that it lands long after its caller has died, or after.
func (p *planner) hold() fault {
	return fault{
		Provider: pick(p.rand, providers), Kind: "hold", When: pick(p.rand, []string{"before", "after"}), Count: 1,
		Delay: fmt.Sprintf("%dms", 1000+p.rand.IntN(3000)),
	}
}

// fault is one of the ways in which a provider or its SMTP server fails.
func (p *planner) fault() fault {
	f := pick(p.rand, []fault{
		{Kind: "lose_reply", Count: 2},
		{Kind: "lose_reply", Count: 4},
		{Kind: "lose_request", Count: 3},
		{Kind: "rate_limit", Count: 6, RetryAfter: "1s"},
		{Kind: "server_error", When: "before", Count: 3},
		{Kind: "server_error", When: "after", Count: 3},
		{Kind: "unavailable", Count: 2},
		{Kind: "html", When: "before", Count: 2},
		{Kind: "html", When: "after", Count: 2},
		{Kind: "truncated", Count: 3},
		{Kind: "empty", When: "after", Count: 2},
		{Kind: "delay", When: "before", Count: 2, Delay: "3500ms"},
		{Kind: "delay", When: "after", Count: 2, Delay: "3s"},
		{Kind: "propagation", Count: 3, Delay: "1500ms"},
		{Kind: "lose_request", At: "smtp", Count: 4},
		{Kind: "unavailable", At: "smtp", Count: 4},
		{Kind: "delay", At: "smtp", Count: 3, Delay: "2500ms"},
		{Kind: "not_synced", Provider: "kirimemail", Count: 2, Delay: "2s"},
		{Kind: "not_synced", Provider: "maker", Count: 2, Delay: "2s"},
		{Kind: "not_synced", Provider: "minter", Count: 2, Delay: "2s"},
	})
	if f.Provider == "" {
		f.Provider = pick(p.rand, providers)
	}
	return f
}

// mailTroubles are what mail servers do to clients that they do not trust, or when they have lost their passwords.
var mailTroubles = []fault{
	{Kind: "auth_limit", Limit: 5, Delay: "2s", For: "5s"},
	{Kind: "ban", Limit: 3, Delay: "3s", For: "6s"},
	{Kind: "penalty", Delay: "500ms", For: "6s"},
	{Kind: "reject", At: "smtp", For: "5s"},
}

// refusal is what ends in quarantine: an unknown target, or a rule that no password satisfies.
func (p *planner) refusal() fault {
	if p.rand.IntN(2) == 0 {
		return fault{Provider: pick(p.rand, single), Kind: "not_found", Count: 1}
	}
	return fault{Provider: pick(p.rand, setters), Kind: "reject", Count: 4}
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
