package observe

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"keyturn/internal/rotation"
	"keyturn/internal/version"
)

// Metrics are the metrics of one process: those of Families that it shows. It is a rotation.Observer, and an observer of
// the queue. Safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	families map[string]Family // by name

	rotations   *prometheus.CounterVec
	calls       *prometheus.CounterVec
	callSeconds *prometheus.HistogramVec
	verdicts    *prometheus.CounterVec
	verifying   *prometheus.HistogramVec
	exposure    *prometheus.HistogramVec
	lost        *prometheus.CounterVec
	runs        *prometheus.CounterVec
	runSeconds  *prometheus.HistogramVec
	breaker     *prometheus.CounterVec
	notices     *prometheus.CounterVec
	unread      *prometheus.CounterVec
	servers     *prometheus.CounterVec
	usable      *prometheus.GaugeVec
}

var _ rotation.Observer = (*Metrics)(nil)

// seconds are the upper bounds of histograms: from a call on the same machine to a provider that takes minutes.
var seconds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}

// NewMetrics makes a registry of its own with the metrics of keyturn, the process and the Go runtime.
func NewMetrics() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), families: make(map[string]Family)}
	for _, f := range Families() {
		m.families[f.Name] = f
	}
	m.rotations = m.counter("keyturn_rotations_total")
	m.calls = m.counter("keyturn_provider_calls_total")
	m.callSeconds = m.histogram("keyturn_provider_call_seconds")
	m.verdicts = m.counter("keyturn_verify_total")
	m.verifying = m.histogram("keyturn_verify_seconds")
	m.exposure = m.histogram("keyturn_exposure_seconds")
	m.lost = m.counter("keyturn_lost_generations_total")
	m.runs = m.counter("keyturn_runs_total")
	m.runSeconds = m.histogram("keyturn_run_seconds")
	m.breaker = m.counter("keyturn_breaker_transitions_total")
	m.notices = m.counter("keyturn_notices_total")
	m.unread = m.counter("keyturn_unread_total")
	m.servers = m.counter("keyturn_mail_server_transitions_total")
	m.usable = m.gauge("keyturn_mail_server_usable")
	b := version.Read()
	m.gauge("keyturn_build_info").WithLabelValues(b.Version, b.Revision, b.Go).Set(1)
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// family finds what is known of a metric. One that is not in Families must not exist.
func (m *Metrics) family(name string, kind Type) Family {
	f, ok := m.families[name]
	if !ok || f.Type != kind {
		panic(name + " is not a " + string(kind) + " of Families")
	}
	return f
}

func (m *Metrics) counter(name string) *prometheus.CounterVec {
	f := m.family(name, Counter)
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: f.Name, Help: f.Help}, f.Labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) histogram(name string) *prometheus.HistogramVec {
	f := m.family(name, Histogram)
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: f.Name, Help: f.Help, Buckets: seconds}, f.Labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) gauge(name string) *prometheus.GaugeVec {
	f := m.family(name, Gauge)
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: f.Name, Help: f.Help}, f.Labels)
	m.registry.MustRegister(v)
	return v
}

// Called implements rotation.Observer.
func (m *Metrics) Called(cred *rotation.Credential, op string, err error, took time.Duration) {
	kind := "accepted"
	if err != nil {
		var e *rotation.Error
		if !errors.As(err, &e) {
			e = &rotation.Error{}
		}
		kind = e.Kind.String()
	}
	m.calls.WithLabelValues(cred.Account, op, kind).Inc()
	m.callSeconds.WithLabelValues(cred.Account, op).Observe(took.Seconds())
}

// Verified implements rotation.Observer.
func (m *Metrics) Verified(cred *rotation.Credential, verdict rotation.Verdict, took time.Duration) {
	m.verdicts.WithLabelValues(cred.Account, verdict.String()).Inc()
	m.verifying.WithLabelValues(cred.Account).Observe(took.Seconds())
}

// Exposed implements rotation.Observer.
func (m *Metrics) Exposed(cred *rotation.Credential, took time.Duration) {
	m.exposure.WithLabelValues(cred.Account).Observe(took.Seconds())
}

// LostGeneration implements rotation.Observer.
func (m *Metrics) LostGeneration(cred *rotation.Credential) {
	m.lost.WithLabelValues(cred.Account).Inc()
}

// Job counts one run of a job.
func (m *Metrics) Job(account, kind, outcome string, took time.Duration) {
	m.runs.WithLabelValues(account, kind, outcome).Inc()
	m.runSeconds.WithLabelValues(account, kind).Observe(took.Seconds())
}

// Breaker counts a breaker's transition.
func (m *Metrics) Breaker(account string, open bool) {
	to := "closed"
	if open {
		to = "open"
	}
	m.breaker.WithLabelValues(account, to).Inc()
}

// MailServer counts a mail server that begins to refuse all logins, or accepts one again.
func (m *Metrics) MailServer(address string, refusing bool) {
	to := "working"
	if refusing {
		to = "refusing"
	}
	m.servers.WithLabelValues(address, to).Inc()
}

// MailServerChecked notes whether a mail server could be asked.
func (m *Metrics) MailServerChecked(address string, usable bool) {
	value := 0.0
	if usable {
		value = 1
	}
	m.usable.WithLabelValues(address).Set(value)
}

// Counting is an Agenda that counts how rotations end.
type Counting struct {
	rotation.Agenda
	Metrics *Metrics
}

// Settle implements rotation.Agenda.
func (c Counting) Settle(ctx context.Context, cred *rotation.Credential, end rotation.Ending) error {
	if outcome := outcomeOf(end); outcome != "" {
		c.Metrics.rotations.WithLabelValues(cred.Account, outcome).Inc()
	}
	return c.Agenda.Settle(ctx, cred, end)
}

// Noting is rotation.Notices that counts them.
type Noting struct {
	rotation.Notices
	Metrics *Metrics
}

// Note implements rotation.Notices.
func (n Noting) Note(ctx context.Context, cred *rotation.Credential, notice rotation.Notice) error {
	n.Metrics.notices.WithLabelValues(cred.Account, string(notice.Kind)).Inc()
	return n.Notices.Note(ctx, cred, notice)
}

// outcomeOf names how a rotation ended; "" if none did: a job whose slot was served already, or that was asked in vain.
func outcomeOf(end rotation.Ending) string {
	switch {
	case end.Found:
		return ""
	case end.State == rotation.Quarantined:
		return "quarantined"
	case end.Promoted && end.Verified == rotation.VerifiedYes:
		return "verified"
	case end.Promoted && end.Verified == rotation.VerifiedOff:
		return "unchecked"
	case end.Promoted:
		return "unverified"
	default:
		return ""
	}
}
