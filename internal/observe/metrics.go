package observe

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"keyturn/internal/rotation"
)

// Metrics are the metrics of one process. It is a rotation.Observer, and an observer of the queue. Safe for concurrent
// use.
type Metrics struct {
	registry *prometheus.Registry

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
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "keyturn", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "keyturn", Name: name, Help: help, Buckets: seconds}, labels)
	}
	m := &Metrics{
		registry:    prometheus.NewRegistry(),
		rotations:   counter("rotations_total", "Rotations that ended, by outcome: verified, unverified, unchecked (verification is off) or quarantined.", "account", "outcome"),
		calls:       counter("provider_calls_total", "Calls to a provider, by the meaning of the answer; accepted is a success.", "account", "op", "kind"),
		callSeconds: histogram("provider_call_seconds", "Duration of a call to a provider.", "account", "op"),
		verdicts:    counter("verify_total", "Checks whether a password works, by verdict.", "account", "verdict"),
		verifying:   histogram("verify_seconds", "Duration of a check whether a password works.", "account"),
		exposure:    histogram("exposure_seconds", "Time from a provider's acceptance of a password to its promotion.", "account"),
		lost:        counter("lost_generations_total", "Passwords that a provider generated and that are lost.", "account"),
		runs:        counter("runs_total", "Runs of jobs, by outcome.", "account", "kind", "outcome"),
		runSeconds:  histogram("run_seconds", "Duration of a run of a job.", "account", "kind"),
		breaker:     counter("breaker_transitions_total", "Breakers that opened or closed.", "account", "to"),
		notices:     counter("notices_total", "Events that a person should know about although the rotation goes on: promoted_unverified, verifier_away and so on.", "account", "kind"),
		servers:     counter("mail_server_transitions_total", "Mail servers that began to refuse logins that worked before, or that accept them again.", "server", "to"),
		unread:      counter("unread_total", "Times that a gauge could not be read during a scrape.", "gauge"),
	}
	m.usable = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "keyturn", Name: "mail_server_usable",
		Help: "1 if a mail server can be asked: it was reached over TLS and offers a login mechanism. Checked when the process starts and when it reloads its configuration.",
	}, []string{"server"})
	m.registry.MustRegister(m.servers, m.usable, m.rotations, m.calls, m.callSeconds, m.verdicts, m.verifying, m.exposure, m.lost,
		m.runs, m.runSeconds, m.breaker, m.notices, m.unread, buildInfo(),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
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

// outcomeOf names how a rotation ended; "" if none did: a job whose slot was served already.
func outcomeOf(end rotation.Ending) string {
	switch {
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
