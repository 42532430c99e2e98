package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long the files must be quiet before they are read again: whoever replaces several of them means one
// change.
const settle = 200 * time.Millisecond

// Watch loads the configuration again when one of its files changes, when a file appears that an include matches, and
// when again delivers (a SIGHUP, for instance). It calls changed with the new configuration, or with what is wrong with
// it, in which case the old one stays in force; never with both, and never twice at once. It returns nil when ctx
// ends, and an error if files cannot be watched at all.
func Watch(ctx context.Context, cfg *Config, again <-chan os.Signal, changed func(*Config, error)) error {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer events.Close()
	w := watcher{cfg: cfg, events: events}
	if err := w.follow(cfg); err != nil {
		return err
	}
	quiet := time.NewTimer(0)
	quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case event := <-events.Events:
			if w.concerns(event) {
				quiet.Reset(settle)
			}
		case err := <-events.Errors:
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				quiet.Reset(settle) // an event of ours may be among the lost ones
			} else {
				changed(nil, err)
			}
		case <-again:
			changed(w.reload())
		case <-quiet.C:
			changed(w.reload())
		}
	}
}

type watcher struct {
	cfg    *Config // what is in force
	events *fsnotify.Watcher
}

// follow watches the folders of all files, because files are replaced by renaming and appear later.
func (w *watcher) follow(cfg *Config) error {
	for _, file := range slices.Concat(cfg.Files, cfg.origin.patterns) {
		folders, err := filepath.Glob(filepath.Dir(file))
		if err != nil {
			return err
		}
		for _, folder := range folders {
			if err := w.events.Add(folder); err != nil {
				return err
			}
		}
	}
	return nil
}

// concerns reports whether the event may change the configuration.
func (w *watcher) concerns(event fsnotify.Event) bool {
	if event.Op == fsnotify.Chmod {
		return false
	}
	name := filepath.Clean(event.Name)
	// Kubernetes mounts a ConfigMap as links through ..data, and replaces that.
	if filepath.Base(name) == "..data" {
		return true
	}
	for _, file := range w.cfg.Files {
		if filepath.Clean(file) == name {
			return true
		}
	}
	for _, pattern := range w.cfg.origin.patterns {
		if match, err := filepath.Match(pattern, name); match && err == nil {
			return true
		}
	}
	return false
}

// reload loads the configuration from where it came from.
func (w *watcher) reload() (*Config, error) {
	next, err := load(w.cfg.origin.path, w.cfg.origin.providers, w.cfg)
	if err == nil {
		err = w.follow(next)
	}
	if err != nil {
		return nil, err
	}
	w.cfg = next
	return next, nil
}
