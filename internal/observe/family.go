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
