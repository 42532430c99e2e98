package observe

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Sample is one value of a gauge, with its labels' values in the order of its Family.
type Sample struct {
	Labels []string
	Value  float64
}

// readTimeout bounds what one scrape waits for one gauge.
const readTimeout = 2 * time.Second

// Gauge shows a gauge of Families, whose values are read at each scrape: the depth of a queue, open journals. If they
// cannot be read it keeps the values that were read last, because an alert on a gauge that vanishes would end, and counts
// the failure in keyturn_unread_total.
func (m *Metrics) Gauge(name string, read func(context.Context) ([]Sample, error)) {
	f := m.family(name, Gauge)
	m.registry.MustRegister(&gauge{
		desc:   prometheus.NewDesc(f.Name, f.Help, f.Labels, nil),
		read:   read,
		unread: m.unread.WithLabelValues(strings.TrimPrefix(name, "keyturn_")),
	})
}

type gauge struct {
	desc   *prometheus.Desc
	read   func(context.Context) ([]Sample, error)
	unread prometheus.Counter

	mu   sync.Mutex
	last []Sample
}

func (g *gauge) Describe(c chan<- *prometheus.Desc) { c <- g.desc }

func (g *gauge) Collect(c chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	samples, err := g.read(ctx)
	g.mu.Lock()
	if err == nil {
		g.last = samples
	} else {
		g.unread.Inc()
		samples = g.last
	}
	g.mu.Unlock()
	for _, s := range samples {
		c <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, s.Value, s.Labels...)
	}
}
