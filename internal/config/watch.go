package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long the files must be quiet before they are read again: several files that are replaced together
// are one change.
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
	trail  trail
}

// follow watches all folders that the paths of a configuration lead through, because files are replaced by renaming,
// appear later, and stand behind links.
func (w *watcher) follow(cfg *Config) error {
	w.trail = trail{}
	for _, file := range cfg.Files {
		if err := w.trail.add(file, false); err != nil {
			return err
		}
	}
	for _, pattern := range cfg.origin.patterns {
		if err := w.trail.add(pattern, true); err != nil {
			return err
		}
	}
	for folder, at := range w.trail {
		// Again and again: another folder may stand there by now.
		switch err := w.events.Add(folder); {
		case err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		case errors.Is(err, fs.ErrPermission) && !at.needed:
		default:
			return fmt.Errorf("watch %s: %w", folder, err)
		}
	}
	for _, folder := range w.events.WatchList() {
		if w.trail[folder] == nil {
			_ = w.events.Remove(folder) // it may have gone by itself
		}
	}
	return nil
}

// concerns reports whether the event may change the configuration.
func (w *watcher) concerns(event fsnotify.Event) bool {
	return event.Op != fsnotify.Chmod && w.trail.has(filepath.Clean(event.Name))
}

// reload loads the configuration from where it came from. The folders are watched before they are read, so that no
// change falls in between; and those of a configuration that is broken too, so that its repair is seen.
func (w *watcher) reload() (*Config, error) {
	if err := w.follow(w.cfg); err != nil {
		return nil, err
	}
	l := newLoader(w.cfg.origin.path, w.cfg.origin.providers, w.cfg)
	next, err := l.load()
	if err := errors.Join(err, w.follow(l.cfg)); err != nil {
		return nil, err
	}
	w.cfg = next
	return next, nil
}
