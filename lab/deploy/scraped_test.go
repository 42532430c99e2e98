package deploy

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"

	"keyturn/internal/app/apptest"
)

// scraped is what a Prometheus would have kept of keyturn's metrics, at times of our own.
type scraped struct {
	now    time.Time
	series map[string]*storage.SeriesEntry
	values map[string][]chunks.Sample
}

func newScraped() *scraped {
	return &scraped{
		now:    time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		series: map[string]*storage.SeriesEntry{}, values: map[string][]chunks.Sample{},
	}
}

// scrape keeps what the processes show now. A series that none of them shows any more ends there, as in Prometheus.
func (s *scraped) scrape(t *testing.T, processes []*apptest.Process) {
	t.Helper()
	shown := map[string]bool{}
	for _, p := range processes {
		status, text := p.Get("/metrics")
		if status != 200 {
			t.Fatalf("%s: /metrics answers %d", p.Name, status)
		}
		parser, err := textparse.New([]byte(text), "text/plain; version=0.0.4", labels.NewSymbolTable(), textparse.ParserOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for {
			entry, err := parser.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", p.Name, err)
			}
			if entry != textparse.EntrySeries {
				continue
			}
			var own labels.Labels
			parser.Labels(&own)
			if !strings.HasPrefix(own.Get("__name__"), "keyturn_") {
				continue
			}
			_, _, v := parser.Series()
			shown[s.keep(labels.NewBuilder(own).Set("job", "keyturn").Set("instance", p.Addr).Labels(), v)] = true
		}
	}
	for key, values := range s.values {
		if !shown[key] && !value.IsStaleNaN(values[len(values)-1].F()) {
			s.keep(s.series[key].Lset, math.Float64frombits(value.StaleNaN))
		}
	}
}

func (s *scraped) keep(of labels.Labels, v float64) (key string) {
	key = of.String()
	s.values[key] = append(s.values[key], point{s.now.UnixMilli(), v})
	s.series[key] = storage.NewListSeries(of, s.values[key])
	return key
}

// ask evaluates an expression at the time of the last scrape.
func (s *scraped) ask(t *testing.T, engine *promql.Engine, expr string) promql.Vector {
	t.Helper()
	query, err := engine.NewInstantQuery(t.Context(), s, nil, expr, s.now)
	if err != nil {
		t.Fatal(err)
	}
	defer query.Close()
	result := query.Exec(t.Context())
	vector, err := result.Vector()
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return append(promql.Vector{}, vector...)
}

// Querier implements storage.Queryable.
func (s *scraped) Querier(int64, int64) (storage.Querier, error) {
	return &storage.MockQuerier{SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		found := &seriesSet{}
		for _, one := range s.series {
			if matches(one.Lset, matchers) {
				found.rest = append(found.rest, one)
			}
		}
		return found
	}}, nil
}

func matches(of labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(of.Get(m.Name)) {
			return false
		}
	}
	return true
}

type seriesSet struct {
	at   storage.Series
	rest []storage.Series
}

func (s *seriesSet) Next() bool {
	if len(s.rest) == 0 {
		return false
	}
	s.at, s.rest = s.rest[0], s.rest[1:]
	return true
}

func (s *seriesSet) At() storage.Series              { return s.at }
func (*seriesSet) Err() error                        { return nil }
func (*seriesSet) Warnings() annotations.Annotations { return nil }

// point is a sample of a number.
type point struct {
	at int64
	v  float64
}

func (p point) T() int64                    { return p.at }
func (point) ST() int64                     { return 0 }
func (p point) F() float64                  { return p.v }
func (point) H() *histogram.Histogram       { return nil }
func (point) FH() *histogram.FloatHistogram { return nil }
func (point) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (p point) Copy() chunks.Sample         { return p }
