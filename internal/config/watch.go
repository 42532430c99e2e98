package config

import (
	"context"
	"errors"
	"os"

	"keyturn/internal/config/trail"
)

// Watch loads the configuration again when one of its files changes, when a file appears that an include matches, and
// when again delivers (a SIGHUP, for instance). It calls changed with the new configuration, or with what is wrong with
// it, in which case the old one stays in force; never with both, and never twice at once. It returns nil when ctx
// ends, and an error if files cannot be watched at all.
func Watch(ctx context.Context, cfg *Config, again <-chan os.Signal, changed func(*Config, error)) error {
	files, err := trail.NewWatcher()
	if err != nil {
		return err
	}
	defer files.Close()
	w := watcher{cfg: cfg, files: files}
	if err := w.follow(cfg); err != nil {
		return err
	}
	files.Run(ctx, again, func(err error) {
		if err != nil {
			changed(nil, err)
		} else {
			changed(w.reload())
		}
	})
	return nil
}

type watcher struct {
	cfg   *Config // what is in force
	files *trail.Watcher
}

func (w *watcher) follow(cfg *Config) error { return w.files.Follow(cfg.Files, cfg.origin.patterns) }

// reload loads the configuration from where it came from. Its files are followed before they are read, so that no
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
