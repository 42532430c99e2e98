package observe

// Family is one metric as its readers know it. No metric exists without one: docs/metrics.md is generated from them, and
// the alerts and the dashboard of deploy/ are checked against them.
type Family struct {
	Name   string // with its prefix
	Type   Type
	Labels []string
	Shown  Shown
	Help   string // what it is; of /metrics too
	Act    string // what a person does about it, in Markdown that stands in docs/
}

// Type is how Prometheus calls a kind of metric.
type Type string

// The types that there are here.
const (
	Counter   Type = "counter"
	Gauge     Type = "gauge"
	Histogram Type = "histogram"
)

// Shown is who shows a metric, which says how to aggregate it over processes.
type Shown string

const (
	// ByEach: each process shows its own; sum counters and histograms.
	ByEach Shown = "each process, its own"
	// ByAny: it comes from Redis, so all processes show the same; take the maximum.
	ByAny Shown = "any process, the same"
	// ByScheduler: each scheduler shows what it knows; take the maximum.
	ByScheduler Shown = "each scheduler"
)

// LabelMeanings explains the labels of all families.
func LabelMeanings() map[string]string {
	return map[string]string{
		"account":   "its name in the configuration",
		"condition": "what keeps a process from being ready: `clock`, `configuration`, `freezes`, `paused`, `queue`, `redis`, `schedule`, `vault`",
		"gauge":     "the name of a metric without `keyturn_`",
		"go":        "the version of Go",
		"kind":      "of `keyturn_provider_calls_total`: `accepted`, or why not; of `keyturn_runs_total` and `keyturn_run_seconds`: the kind of job; of `keyturn_notices_total`: the type of [event](events.md)",
		"op":        "the step of the protocol that made the call",
		"outcome":   "how it ended",
		"queue":     "`scheduled`, or `now`: what a person asked for and what resumes",
		"revision":  "the commit, with `+dirty` at its end if the checkout was changed",
		"server":    "address of a mail server, as configured",
		"state":     "where a credential or a job stands",
		"store":     "name of a Vault store in the configuration",
		"to":        "the new state: `open`, `closed`; `refusing`, `working`",
		"verdict":   "what a check of a password found",
		"version":   "the version of keyturn",
	}
}
