package deploy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/redis/go-redis/v9"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox/core"
)

const (
	// step is the virtual time between two scrapes of what lasts. It is shorter than the five minutes after which
	// Prometheus takes a series for gone.
	step = 3 * time.Minute
	// interval is the virtual time between two scrapes while something is awaited.
	interval = 15 * time.Second
	// healthy is how long the fleet is watched before anything is provoked: the rules look back an hour.
	healthy = 90 * time.Minute
)

// scene is a fleet of a worker and a scheduler whose metrics are scraped, and what the rules say of them.
//
// The processes live in real time, the samples in virtual time: what lasts looks the same whenever it is scraped, so that
// hours of it are scraped within a second. Nothing but the times of the samples is made up.
type scene struct {
	*apptest.Stage
	t                 *testing.T
	worker, scheduler *apptest.Process
	seen              *scraped
	engine            *promql.Engine
	rules             []alert
	targets           []*apptest.Process
	since             map[string]map[string]time.Time // by alert and series: when it began to be active

	// lasts keeps up what would end by itself. It is called once, half-way through the alert's for.
	lasts func()
}

// open is a fleet on a stage; two credentials of it are rotated.
func open(t *testing.T, s *apptest.Stage, top string) *scene {
	t.Helper()
	n := &scene{Stage: s, t: t, seen: newScraped(), rules: alerts(t), since: map[string]map[string]time.Time{}}
	n.engine = promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, LookbackDelta: 5 * time.Minute})
	t.Cleanup(func() { _ = n.engine.Close() })
	one, two := s.SES("one"), s.Kirim("two")
	s.Configure(apptest.Settings{Top: top})
	n.worker, n.scheduler = n.begin("worker"), n.begin("scheduler")
	for _, c := range []apptest.Credential{one, two} {
		s.Until(c.ID+" is rotated", func() bool { return s.Settled(c, 1) })
	}
	n.scheduler.Until("it counts itself", func(metrics string) bool { return strings.Contains(metrics, "\nkeyturn_configurations 1\n") })
	for _, p := range n.targets {
		p.Until("nothing waits", func(metrics string) bool { return !pendingJob(metrics) })
	}
	return n
}

func pendingJob(metrics string) bool {
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "keyturn_queue_jobs{") && strings.Contains(line, `state="pending"`) && !strings.HasSuffix(line, " 0\n") {
			return true
		}
	}
	return false
}

// begin starts a program that is scraped from then on.
func (n *scene) begin(name string, args ...string) *apptest.Process {
	n.t.Helper()
	p := n.Start(name, args...)
	n.targets = append(n.targets, p)
	return p
}

// end ends a program, whose metrics are gone with it.
func (n *scene) end(p *apptest.Process, how func() error) {
	n.t.Helper()
	n.targets = slices.DeleteFunc(n.targets, func(other *apptest.Process) bool { return other == p })
	if err := how(); err != nil {
		n.t.Fatal(err)
	}
}

// pass lets virtual time pass, scrapes, and evaluates all rules as Prometheus does.
func (n *scene) pass(d time.Duration) {
	n.t.Helper()
	n.seen.now = n.seen.now.Add(d)
	n.seen.scrape(n.t, n.targets)
	for _, rule := range n.rules {
		before, now := n.since[rule.Name], map[string]time.Time{}
		for _, sample := range n.seen.ask(n.t, n.engine, rule.Expr) {
			key := sample.Metric.String()
			now[key] = n.seen.now
			if t, ok := before[key]; ok {
				now[key] = t
			}
		}
		n.since[rule.Name] = now
	}
}

// fires tells whether an alert has been active for as long as its rule says.
func (n *scene) fires(rule alert) bool {
	n.t.Helper()
	for _, t := range n.since[rule.Name] {
		if n.seen.now.Sub(t) >= hold(n.t, rule) {
			return true
		}
	}
	return false
}

func hold(t *testing.T, rule alert) time.Duration {
	t.Helper()
	if rule.For == "" {
		return 0
	}
	d, err := time.ParseDuration(rule.For)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// quiet holds that no alert at all is active for a fleet that is well.
func (n *scene) quiet() {
	n.t.Helper()
	for began := n.seen.now; n.seen.now.Sub(began) < healthy; {
		n.pass(step)
		for name, active := range n.since {
			if len(active) > 0 {
				n.t.Fatalf("%s is active for a fleet that is well: %v", name, active)
			}
		}
	}
}

// alarm waits until an alert's expression holds, and lets time pass until the alert fires.
func (n *scene) alarm(name string) {
	n.t.Helper()
	rule := n.rules[slices.IndexFunc(n.rules, func(a alert) bool { return a.Name == name })]
	n.Until(name+" is active", func() bool {
		n.pass(interval)
		return len(n.since[name]) > 0
	})
	began := n.seen.now
	for !n.fires(rule) {
		passed := n.seen.now.Sub(began)
		if n.lasts != nil && passed >= hold(n.t, rule)/2 {
			n.lasts()
			n.lasts = nil
		}
		n.pass(step)
		if len(n.since[name]) == 0 || passed > 2*hold(n.t, rule) {
			n.t.Fatalf("%s does not last: after %v it is active for %v", name, passed, n.since[name])
		}
	}
}

// redis runs a command as a person with all rights could.
func (n *scene) redis(command ...any) {
	n.t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: n.Redis.Addr})
	defer rdb.Close()
	if err := rdb.Do(n.t.Context(), command...).Err(); err != nil {
		n.t.Fatal(err)
	}
}

// rotate asks for a rotation, and does not wait for it.
func (n *scene) rotate(c apptest.Credential) {
	n.t.Helper()
	if out, status := n.Ctl("rotate", c.ID); status != 0 {
		n.t.Fatalf("rotate %s: %d: %s", c.ID, status, out)
	}
}

// always makes a fault one that does not end.
func always(f *core.Fault) { f.Count = -1 }

// atSMTP makes a fault one of the mail server, that does not end.
func atSMTP(f *core.Fault) { f.At, f.Count = core.AtSMTP, -1 }

// credential is one of those that were rotated at first.
func (n *scene) credential(name string) apptest.Credential {
	n.t.Helper()
	for _, c := range n.Creds {
		if strings.HasPrefix(c.ID, name+"-") {
			return c
		}
	}
	n.t.Fatalf("no credential %s", name)
	return apptest.Credential{}
}
