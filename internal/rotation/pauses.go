package rotation

import (
	"cmp"
	"time"
)

// giveUpAfter is how long a rotation waits for a verifier or a provider, and a check for a verifier, before a person has to
// look.
const giveUpAfter = 24 * time.Hour

// tells reports whether a person is told of something that has lasted so long: after an hour, and once, because the runs of the
// next hour are an hour apart.
func tells(since time.Duration) bool {
	const after = time.Hour
	return since > after && since <= 2*after
}

// parkFor is how long to wait before the next question, which may again go unanswered, so long after the first:
// after 1, 5 and 15 minutes, and then once an hour.
func parkFor(since time.Duration) time.Duration {
	for _, d := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute} {
		if since < d {
			return d
		}
	}
	return time.Hour
}

// retryFor is how long to wait until the next send, so long after the journal was opened: twice as long each time, from
// 10 seconds to 10 minutes.
func retryFor(since time.Duration) time.Duration {
	return min(max(since, 10*time.Second), 10*time.Minute)
}

// waitForOther ends a run whose worker's clock is off: by then another worker may have the job, whose is not.
func waitForOther(e *Error) error {
	return wait(min(cmp.Or(e.RetryAfter, 30*time.Second), maxRetryAfter), e)
}

// longer is the pause after one of d, within a run: twice as long, up to most.
func longer(d, most time.Duration) time.Duration { return min(2*d, most) }
