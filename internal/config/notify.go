package config

import (
	"regexp"
	"slices"
	"strings"

	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
)

// Notify is something that is told, or done, after each rotation of a credential.
type Notify struct {
	Kind NotifyKind
	// Name is a webhook's or a command's; of a restart it is kind/namespace/name of the workload.
	Name string
}

// NotifyKind is what a Notify is.
type NotifyKind string

// The kinds of Notify.
const (
	NotifyWebhook NotifyKind = "webhook" // one of Config.Webhooks
	NotifyCommand NotifyKind = "command" // a file in a worker's -hook-dir
	NotifyRestart NotifyKind = "restart" // a workload of the worker's Kubernetes cluster
)

const (
	maxNotify     = 16     // of one credential
	urgentQueue   = ".now" // a queue of its name would be another command's
	maxWorkload   = 128    // bytes: it stands in a job
	restartAdvice = "such as deployment/mail/postfix: deployment, statefulset or daemonset, then namespace, then name"
	commandAdvice = "the name of a file in the directory that the worker's -hook-dir says: a-z, 0-9, and . _ - in the middle, at most 64, and not .now at its end"
)

var (
	// commandName is a file's name that is neither hidden nor elsewhere.
	commandName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$`)
	restartForm = regexp.MustCompile(`^(deployment|statefulset|daemonset)/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
)

type rawNotify struct{ webhook, command, restart *document.Value }

var notifyFields = fields[rawNotify]{
	{"webhook", func(_ *loader, n *rawNotify, v *document.Value) { n.webhook = v }},
	{"command", func(_ *loader, n *rawNotify, v *document.Value) { n.command = v }},
	{"restart", func(_ *loader, n *rawNotify, v *document.Value) { n.restart = v }},
}

// notify reads what is told after a rotation. An empty list is nothing, whatever would be inherited.
func (l *loader) notify(v *document.Value) []Notify {
	all := []Notify{}
	for _, item := range v.Items() {
		if !item.Is(document.Object) {
			continue
		}
		var raw rawNotify
		notifyFields.decode(l, item, &raw)
		item.ExactlyOne("webhook", "command", "restart")
		n := l.oneNotify(raw)
		switch {
		case n.Name == "": // said
		case slices.Contains(all, n):
			item.Fail("", "is named twice")
		default:
			all = append(all, n)
		}
	}
	if len(all) > maxNotify {
		v.Fail("", "has %d; %d are the most", len(all), maxNotify)
	}
	return all
}

func (l *loader) oneNotify(raw rawNotify) Notify {
	switch {
	case raw.webhook != nil:
		name := raw.webhook.Text()
		if _, ok := l.cfg.Webhooks[name]; ok {
			return Notify{NotifyWebhook, strings.Clone(name)}
		}
		if name != "" {
			raw.webhook.Fail(document.Nearest(name, keysOf(l.cfg.Webhooks)), "unknown webhook %q", name)
		}
	case raw.command != nil:
		name := raw.command.Text()
		if commandName.MatchString(name) && !strings.HasSuffix(name, urgentQueue) {
			return Notify{NotifyCommand, strings.Clone(name)}
		}
		if name != "" {
			raw.command.Fail(commandAdvice, "%q is not the name of a command", name)
		}
	case raw.restart != nil:
		name := raw.restart.Text()
		if restartForm.MatchString(name) && len(name) <= maxWorkload {
			return Notify{NotifyRestart, strings.Clone(name)}
		}
		if name != "" {
			raw.restart.Fail(restartAdvice, "%q is not a workload", name)
		}
	}
	return Notify{}
}

// keepNotify notes what is told after a credential's rotations, where that is not what its account says.
func (l *loader) keepNotify(c *rotation.Credential, given *document.Value, all []Notify) {
	if given == nil {
		return
	}
	if kept, ok := l.cfg.Credential(c.ID); ok {
		l.cfg.notify[kept.ID] = all
	}
}

// Notify is what is told after each rotation of a credential.
func (c *Config) Notify(cred *rotation.Credential) []Notify {
	if own, ok := c.notify[cred.ID]; ok {
		return own
	}
	if account, ok := c.Accounts[cred.Account]; ok {
		return account.Notify
	}
	return nil
}

// Notified are the names of all commands, or whatever the kind is, that are told after a rotation, by kind and sorted.
func (c *Config) Notified(kind NotifyKind) []string {
	var names []string
	add := func(all []Notify) {
		for _, n := range all {
			if n.Kind == kind {
				names = append(names, n.Name)
			}
		}
	}
	for _, a := range c.Accounts {
		add(a.Notify)
	}
	for _, own := range c.notify {
		add(own)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
