package due

import (
	"context"
	"time"
)

// remindTime is how old what happened may be to be noted again: so long deliveries are tried.
const remindTime = 24 * time.Hour

// remind notes again what brought about how credentials stand: those who are told what happens may not have been, because Redis
// lost it, or because a worker died before it could note it. What has changed since is lost. It comes
// before the index says how they stand: told twice is better than never.
func (s *Scheduler) remind(ctx context.Context, found []finding, now time.Time) error {
	var all []Reminder
	for _, f := range found {
		switch {
		case f.Stuck:
			all = append(all, Reminder{
				Cred: f.Cred, Type: EventQuarantined, RotationID: f.journal.RotationID, Reason: f.journal.Reason, Why: f.Why,
			})
		case f.wrote != "" && !f.Shown.RotatedAt.Before(now.Add(-remindTime)):
			all = append(all, Reminder{Cred: f.Cred, Type: EventRotated, RotationID: f.wrote, Version: f.Shown.Version, Verified: f.Shown.Verified})
		}
	}
	if len(all) == 0 {
		return nil
	}
	return s.Remind(ctx, all)
}
