package due

import (
	"context"
	"log/slog"
	"time"
)

const (
	// remindTime is how old what happened may be to be noted again: so long deliveries are tried.
	remindTime = 24 * time.Hour
	// maxOwed bounds what waits to be noted again: as much as the stream keeps.
	maxOwed = maxEvents
)

// remind notes again what brought about how credentials stand: those who are told what happens may not have been, because Redis
// lost it, or because a worker died before it could note it. What has changed since is lost. It comes before the index says how they
// stand: told twice is better than never. No rotation waits for it: what cannot be noted now, where the node of events is away for
// instance, is noted with the next call, of which each sweep makes many.
func (s *Scheduler) remind(ctx context.Context, found []finding, now time.Time) {
	s.owing.Lock()
	defer s.owing.Unlock()
	late := len(s.owed) > 0
	for _, f := range found {
		switch {
		case f.Stuck:
			s.owed = append(s.owed, Reminder{
				Cred: f.Cred, Type: EventQuarantined, RotationID: f.journal.RotationID, Reason: f.journal.Reason, Why: f.Why,
			})
		case f.wrote != "" && !f.Shown.RotatedAt.Before(now.Add(-remindTime)):
			s.owed = append(s.owed, Reminder{Cred: f.Cred, Type: EventRotated, RotationID: f.wrote, Version: f.Shown.Version, Verified: f.Shown.Verified})
		}
	}
	s.owed = s.owed[max(0, len(s.owed)-maxOwed):]
	if len(s.owed) == 0 {
		return
	}
	if err := s.Remind(ctx, s.owed); err == nil {
		s.owed = nil
	} else if !late {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "what happened is noted again later", slog.Int("credentials", len(s.owed)), slog.Any("error", err))
	}
}
