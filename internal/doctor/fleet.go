package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// rateTight is the share of what can go above which a failure or a bulk costs days.
const rateTight = 0.9

// Rate holds what falls due at an account against what its rate lets go.
func Rate(p operate.Pace, account *config.Account) Finding {
	f := Finding{Area: AreaRate, Subject: p.Account, Severity: OK}
	f.What = fmt.Sprintf("%s a day fall due, %s a day can go; a round of all %d takes %s", digits(p.DuePerDay), digits(p.CanGoPerDay), p.Credentials, days(p.Round()))
	factor := p.DuePerDay / p.CanGoPerDay
	switch {
	case p.DuePerDay == 0 || factor <= rateTight:
		return f
	case p.DuePerDay > p.CanGoPerDay:
		f.Severity = Error
		f.Why = "credentials get ever later than their schedule says; more workers do not help, because all of them share the rate"
	default:
		f.Severity = Warning
		f.Why = "after an outage, or while a person rotates many, scheduled rotations are late for days"
	}
	f.Fix = "rotate less often, or spread the credentials over more accounts"
	if p.CanGoPerDay > 0 {
		f.Fix = fmt.Sprintf("rotate at most %.2g times as often, or spread the credentials over more accounts", rateTight/factor)
	}
	if p.Slowest != "" {
		f.Fix += "; what limits it is verify.smtp.rate of " + p.Slowest
	} else if p.CanGoPerDay > 0 {
		perHour := rotation.CallsIn(account.Rates, time.Hour)
		f.Fix += fmt.Sprintf("; if the provider allows it, set accounts.%s.rate to %.0f/h or more (it is %.0f/h)", p.Account, perHour*factor/rateTight+1, perHour)
	}
	f.Commands = []string{"rotatectl plan --account " + p.Account}
	return f
}

// digits writes a number with three digits, or all of those before its point.
func digits(n float64) string {
	if n >= 100 {
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%.3g", n)
}

// days writes a number of days in the longest unit of which there are at least two.
func days(n float64) string {
	for _, unit := range []struct {
		name string
		long float64 // in days
	}{{"days", 1}, {"hours", 1. / 24}, {"minutes", 1. / (24 * 60)}, {"seconds", 1. / (24 * 60 * 60)}} {
		if of := n / unit.long; of >= 2 {
			return digits(of) + " " + unit.name
		}
	}
	return "less than 2 seconds"
}

// Schedulers judges what the schedulers announce, each as "NAME FINGERPRINT", against the configuration that was read here.
func Schedulers(announced []string, fingerprint string) Finding {
	f := Finding{Area: AreaSchedulers, Subject: "all", Severity: OK}
	running := map[string]int{}
	for _, entry := range announced {
		_, of, _ := strings.Cut(entry, " ")
		running[of]++
	}
	switch {
	case len(announced) == 0:
		f.Severity, f.What = Warning, "none runs"
		f.Why = "nothing falls due, and what a killed worker left is not resumed; rotations on demand work"
		f.Fix, f.Commands = "start a scheduler", []string{"scheduler -config keyturn.yaml"}
	case len(running) > 1:
		f.Severity, f.What = Error, fmt.Sprintf("%d schedulers use %d configurations: %s", len(announced), len(running), counted(running))
		f.Why = "what only one of them knows may come late, and what was removed stays in the index; normal for the minutes of a roll-out"
		f.Fix = "give all of them the same files, and send each a SIGHUP"
		f.Commands = []string{"rotatectl config check"}
	case running[fingerprint] == 0:
		f.Severity, f.What = Warning, fmt.Sprintf("all use another configuration (%s) than this one (%s)", counted(running), short(fingerprint))
		f.Why = "what is reported here is not what runs"
		f.Fix = "name the file that they use with -c, or give them this one and send each a SIGHUP"
	default:
		f.What = fmt.Sprintf("%d, with this configuration (%s)", len(announced), short(fingerprint))
	}
	return f
}

// counted names fingerprints as the processes' line `started` does, with how many use each.
func counted(running map[string]int) string {
	var all []string
	for fingerprint, n := range running {
		all = append(all, fmt.Sprintf("%d with %s", n, short(fingerprint)))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func short(fingerprint string) string { return fingerprint[:min(len(fingerprint), 12)] }

// waitsLong is longer than any job waits that a worker serves: schedulers admit what a few minutes take.
const waitsLong = 15 * time.Minute

// Queues judges what does not move; now is Redis's. All that moves is one finding.
func Queues(all []queue.Stuck, now time.Time) []Finding {
	var found []Finding
	add := func(q queue.Stuck, severity Severity, what, why, fix string, commands ...string) {
		found = append(found, Finding{
			Area: AreaQueue, Subject: q.Queue, Severity: severity, What: what, Why: why, Fix: fix, Commands: commands,
		})
	}
	jobs := 0
	for _, q := range all {
		jobs += q.Pending + q.Active + q.Scheduled + q.Retry
		if q.Paused {
			add(q, Error, fmt.Sprintf("a person paused it; %d jobs wait", q.Pending), "nothing is taken from it, whatever is asked for", "lift the pause when its reason is gone",
				"rotatectl unpause "+q.Account)
		}
		if q.Archived > 0 {
			add(q, Error, fmt.Sprintf("%d archived jobs", q.Archived), "keyturn archives none: another program did, and each keeps its credential from being enqueued",
				"delete them with asynq's tool, after a look at what they say", "asynq task deleteall --queue="+q.Queue+" --state=archived")
		}
		if wait := now.Sub(q.Oldest); !q.Oldest.IsZero() && wait > waitsLong && !q.Paused {
			add(q, Error, fmt.Sprintf("%d jobs wait, the next one for %v", q.Pending, wait.Round(time.Minute)),
				"no worker takes them: none runs, none of them had the account when it started, or the account's breaker is open",
				"start a worker; if one runs, `rotatectl explain ID` of a credential of the account says what holds it back", "rotatectl status --account "+q.Account)
		}
	}
	if len(found) == 0 {
		found = append(found, Finding{Area: AreaQueue, Subject: "all", Severity: OK, What: fmt.Sprintf("%d jobs in %d queues, none of them stuck", jobs, len(all))})
	}
	return found
}
