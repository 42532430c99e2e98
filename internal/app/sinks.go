package app

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"time"

	"keyturn/internal/command"
	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/operate"
	"keyturn/internal/outbox"
	"keyturn/internal/queue"
	"keyturn/internal/rollout"
	"keyturn/internal/rotation"
)

// A sink is where events are delivered. Its queue stands among those of accounts, whose names have no dot.
const (
	webhookSink = "webhook."
	commandSink = "command."
	restartSink = "restart.kubernetes"
	// noSubject is what an event is about that names neither a credential nor an account.
	noSubject = "fleet"
)

// restartSubject is a workload as the subject of a delivery, which has no slash.
var restartSubject = strings.NewReplacer("/", "@")

// Sinks are those of a configuration.
func Sinks(cfg *config.Config) []string {
	sinks := commandSinks(cfg)
	for name := range cfg.Webhooks {
		sinks = append(sinks, webhookSink+name)
	}
	if len(cfg.Notified(config.NotifyRestart)) > 0 {
		sinks = append(sinks, restartSink)
	}
	slices.Sort(sinks)
	return sinks
}

func commandSinks(cfg *config.Config) []string {
	var sinks []string
	for _, name := range cfg.Notified(config.NotifyCommand) {
		sinks = append(sinks, commandSink+name)
	}
	return sinks
}

// route says where an event goes.
func route(cfg *config.Config, e operate.Event) []outbox.Place {
	subject := e.Credential
	if subject == "" {
		subject = e.Account
	}
	if !rotation.ValidID(subject) { // "" too; a stream is not ours to trust
		subject = noSubject
	}
	var to []outbox.Place
	for name, w := range cfg.Webhooks {
		q := operate.EventQuery{Accounts: w.Accounts, Types: w.Events, Marks: w.Marks}
		if !w.OnlyNotified && q.Wants(&e) {
			to = append(to, outbox.Place{Sink: webhookSink + name, Subject: subject})
		}
	}
	cred, ok := cfg.Credential(e.Credential)
	if !ok || e.Type != due.EventRotated {
		return to
	}
	for _, n := range cfg.Notify(cred) {
		p := outbox.Place{Subject: subject}
		switch n.Kind {
		case config.NotifyWebhook:
			p.Sink = webhookSink + n.Name
		case config.NotifyCommand:
			p.Sink = commandSink + n.Name
		case config.NotifyRestart:
			p.Sink, p.Subject = restartSink, restartSubject.Replace(n.Name)
		}
		if !slices.Contains(to, p) {
			to = append(to, p)
		}
	}
	return to
}

// toldOf says where what happens to a credential of a configuration is told: its quarantines, or what follows its rotations.
func toldOf(cfg *config.Config) func(*rotation.Credential) []outbox.Place {
	return func(cred *rotation.Credential) []outbox.Place {
		var to []outbox.Place
		for _, kind := range operate.EventTypes() {
			e := operate.Event{Type: kind, Credential: cred.ID, Account: cred.Account}
			if m := cfg.Marks(cred); m != nil {
				e.Owner, e.Labels = m.Owner, m.Labels
			}
			to = append(to, route(cfg, e)...)
		}
		slices.SortFunc(to, func(a, b outbox.Place) int {
			return cmp.Or(cmp.Compare(a.Sink, b.Sink), cmp.Compare(a.Subject, b.Subject))
		})
		return slices.Compact(to)
	}
}

const (
	deliveriesAtOnce = 16 // to one sink, in one worker
	deliveryRun      = 5 * time.Minute
	deliveryGrace    = command.Timeout + 5*time.Second // the longest delivery
)

// SinkSettings are those of the sinks that a process serves: commands where it has their directory, restarts in a pod.
func SinkSettings(cfg *config.Config, commands command.Dir) []queue.AccountSettings {
	var all []queue.AccountSettings
	for _, sink := range Sinks(cfg) {
		if commands == "" && strings.HasPrefix(sink, commandSink) || sink == restartSink && os.Getenv(rollout.Variable) == "" {
			continue // it is for workers that can
		}
		all = append(all, queue.AccountSettings{Name: sink, Concurrency: deliveriesAtOnce, Timeout: deliveryRun, Grace: deliveryGrace})
	}
	return all
}
