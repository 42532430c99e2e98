package deploy

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"

	"keyturn/internal/observe"
)

// families are the metrics of keyturn by the names that they have in a query: a histogram has three.
func families() map[string]observe.Family {
	all := map[string]observe.Family{}
	for _, f := range observe.Families() {
		if f.Type != observe.Histogram {
			all[f.Name] = f
			continue
		}
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			all[f.Name+part] = f
		}
	}
	return all
}

// checkQuery holds that a query parses, asks for metrics and labels that exist, and aggregates them over processes as
// docs/metrics.md says.
func checkQuery(t *testing.T, where, query string) {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	known := families()
	parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok || strings.HasPrefix(selector.Name, "process_") {
			return nil
		}
		f, ok := known[selector.Name]
		if !ok {
			t.Errorf("%s: %s is not exported", where, selector.Name)
			return nil
		}
		labels := append([]string{"job", "instance", "le"}, f.Labels...)
		for _, m := range selector.LabelMatchers {
			if m.Name != "__name__" && !slices.Contains(labels, m.Name) {
				t.Errorf("%s: %s has no label %s", where, selector.Name, m.Name)
			}
		}
		checkAggregation(t, where, f, labels, path)
		return nil
	})
}

// checkAggregation looks at the innermost aggregation around a metric.
func checkAggregation(t *testing.T, where string, f observe.Family, labels []string, path []parser.Node) {
	t.Helper()
	for _, outer := range slices.Backward(path) {
		if call, ok := outer.(*parser.Call); ok && call.Func.Name == "absent" {
			return
		}
		aggregate, ok := outer.(*parser.AggregateExpr)
		if !ok {
			continue
		}
		for _, label := range aggregate.Grouping {
			if !slices.Contains(labels, label) {
				t.Errorf("%s: %s has no label %s to group by", where, f.Name, label)
			}
		}
		shared := f.Shown != observe.ByEach
		if shared && aggregate.Op != parser.MAX || f.Type != observe.Gauge && aggregate.Op != parser.SUM {
			t.Errorf("%s: %s of %s, which is shown by %s", where, aggregate.Op, f.Name, f.Shown)
		}
		return
	}
	if f.Shown != observe.ByEach || f.Type != observe.Gauge {
		t.Errorf("%s: %s is not aggregated over processes, and is shown by %s", where, f.Name, f.Shown)
	}
}
