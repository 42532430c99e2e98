// Package trail tells when files change, wherever their paths lead: through folders and links that a deployment swaps.
package trail

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

// settle is how long the files must be quiet before a change counts: several files that are replaced together are one
// change.
const settle = 200 * time.Millisecond

// Watcher watches files, those that exist and those that will. It is for one goroutine.
type Watcher struct {
	events *fsnotify.Watcher
	trail  trail
}

// NewWatcher returns a Watcher that watches nothing yet. The caller closes it.
func NewWatcher() (*Watcher, error) {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	return &Watcher{events: events}, nil
}

// Close ends the watching.
func (w *Watcher) Close() error { return w.events.Close() }

// Follow watches files and whatever matches patterns, and nothing else any more. It watches all folders that the paths
// lead through, because files are replaced by renaming, appear later, and stand behind links.
func (w *Watcher) Follow(files, patterns []string) error {
	w.trail = trail{}
	for _, file := range files {
		if err := w.trail.add(file, false); err != nil {
			return err
		}
	}
	for _, pattern := range patterns {
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

// Run calls changed when a file that is followed has changed or appeared, and when again delivers (a SIGHUP, for
// instance), or with what is wrong with the watching; never twice at once. changed may call Follow. Run returns when ctx
// ends.
func (w *Watcher) Run(ctx context.Context, again <-chan os.Signal, changed func(error)) {
	quiet := time.NewTimer(0)
	quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-w.events.Events:
			if w.concerns(event) {
				quiet.Reset(settle)
			}
		case err := <-w.events.Errors:
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				quiet.Reset(settle) // an event of ours may be among the lost ones
			} else {
				changed(err)
			}
		case <-again:
			changed(nil)
		case <-quiet.C:
			changed(nil)
		}
	}
}

// concerns reports whether the event may be a change of a file that is followed.
func (w *Watcher) concerns(event fsnotify.Event) bool {
	return event.Op != fsnotify.Chmod && w.trail.has(filepath.Clean(event.Name))
}
