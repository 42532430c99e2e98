package observe_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"keyturn/internal/observe"
)

var update = flag.Bool("update", false, "rewrite the generated part of docs/metrics.md")

const (
	generatedBegin = "<!-- generated from the code by `go generate ./internal/observe`: do not edit -->\n"
	generatedEnd   = "<!-- end of the generated part -->\n"
)

// labelMeanings explains the labels of all families.
var labelMeanings = map[string]string{
	"account":   "its name in the configuration",
	"condition": "what keeps a process from being ready: `clock`, `configuration`, `freezes`, `paused`, `queue`, `redis`, `schedule`, `tokens`, `vault`",
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

func TestDocsNameEveryMetric(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "metrics.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(page), generatedBegin)
	got, after, ends := strings.Cut(rest, generatedEnd)
	if !begins || !ends {
		t.Fatal("docs/metrics.md has no generated part")
	}
	want := reference()
	switch {
	case got == want:
	case !*update:
		t.Error("docs/metrics.md is out of date: go generate ./internal/observe")
	default:
		if err := os.WriteFile(path, []byte(before+generatedBegin+want+generatedEnd+after), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func reference() string {
	var b strings.Builder
	b.WriteString("\n| metric | type | shown by | what it is | what to do |\n| --- | --- | --- | --- | --- |\n")
	for _, f := range observe.Families() {
		name := f.Name
		if len(f.Labels) > 0 {
			name += "{" + strings.Join(f.Labels, ", ") + "}"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", name, f.Type, f.Shown, f.Help, f.Act)
	}
	b.WriteString("\n| label | what it holds |\n| --- | --- |\n")
	for _, label := range slices.Sorted(maps.Keys(labelMeanings)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", label, labelMeanings[label])
	}
	return b.String() + "\n"
}

func TestEveryLabelIsExplainedAndUsed(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, f := range observe.Families() {
		for _, label := range f.Labels {
			used[label] = true
		}
	}
	if got, want := slices.Sorted(maps.Keys(labelMeanings)), slices.Sorted(maps.Keys(used)); !slices.Equal(got, want) {
		t.Errorf("explained: %v, used: %v", got, want)
	}
}

// TestMetricsFollowTheRulesOfPrometheus has every family in the text that is scraped, whether or not something happened.
func TestMetricsFollowTheRulesOfPrometheus(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for _, f := range observe.Families() {
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %s %s\n", f.Name, f.Help, f.Name, f.Type)
		var labels []string
		for _, label := range f.Labels {
			labels = append(labels, fmt.Sprintf(`%s="x"`, label))
		}
		set := strings.Join(labels, ",")
		if f.Type != observe.Histogram {
			fmt.Fprintf(&text, "%s{%s} 1\n", f.Name, set)
			continue
		}
		fmt.Fprintf(&text, "%s_bucket{%s,le=\"+Inf\"} 1\n%s_sum{%s} 1\n%s_count{%s} 1\n", f.Name, set, f.Name, set, f.Name, set)
	}
	problems, err := promlint.New(strings.NewReader(text.String())).Lint()
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text.String())
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestAMetricThatIsNotInTheReferenceCannotBeShown(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"keyturn_made_up", "keyturn_runs_total", "queue_jobs"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is shown as a gauge", name)
				}
			}()
			observe.NewMetrics().Gauge(name, func(context.Context) ([]observe.Sample, error) { return nil, nil })
		}()
	}
	text := get(t, serve(t, observe.Endpoint{Metrics: observe.NewMetrics(), Ready: ready(nil)}), "/metrics", http.StatusOK)
	if !strings.Contains(text, "keyturn_build_info{") {
		t.Error("a metric that is in it is not shown")
	}
}
