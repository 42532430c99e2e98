package explore

import (
	"context"
	"fmt"
	"time"

	"keyturn/internal/rotation"
)

// state is everything that is true at one moment. It is comparable: what it holds is named by number.
type state struct {
	now time.Duration // since the start

	// The provider.
	targets  [2]target
	accepted int32         // set: all that it ever accepted or made
	alive    int32         // set: the passwords of the identities that it has
	errand   op            // what the late request is, where it is about one of them
	disabled int32         // set: those that are refused until they are enabled again
	had      int32         // set: those that consumers have had
	tried    int32         // set: those that were disabled since consumers had them
	off      int32         // the one that was disabled last
	offAt    time.Duration // when
	left     int32         // what consumers used before, while programs may still use it
	leftAt   time.Duration // until when
	flight   int32         // the password in a late request, or -1 for one to an Issuer
	to       uint8         // the target of that request
	astray   bool          // it comes later than any rule reckons with
	deadline time.Duration // when it is lost

	// Vault.
	journal    int32 // the newest record
	former     int32 // the record before it, which a node that lags still shows; none before the first
	current    int32 // the newest entry
	journalled int32 // set: all that any version of the journal ever held

	journalLags, currentLags time.Duration // until when a node answers that has not heard of the last write

	// Management keys.
	key     int32 // the one that processes call with which begin a run
	leaving int32 // set: those that no process may begin to call with
	missed  int32 // set: those of which a call was refused meanwhile

	// Redis.
	held     time.Duration    // until when a run holds the credential; 0: none does
	open     time.Duration    // when the journal is resumed; 0: it is not mirrored as open
	mirrored bool             // the mirror has it for this hold alone
	queue    [queueLen]queued // by time; a zero job ends it

	cur, other run // who is at work, and who was stopped

	passwords, rotations int32 // made so far

	rechecked int32 // the journal's version at the last check that came to an end
	swept     bool  // the last look at everything was had
	silent    bool  // a run died after a request that came too late for a recheck, before it could say so
	byHand    bool  // what stands in current was put back by a person
	lied      bool  // the provider said what is not so, and there was no verifier to tell, or none that could be asked
	demanded  bool  // a person has asked
	noEffect  bool  // in this rotation the provider accepted what it did not do
	untrue    bool  // in this rotation it said "repeat" without reason
	misled    bool  // in this rotation the verifier refused everybody, and was believed
	cause     cause // of a quarantine

	sick  sickness      // what is wrong with the verifier
	cured time.Duration // until when

	failed string // the rule that does not hold, and how
}

// queueLen is more than any schedule needs.
const queueLen = 10

// queued is a job that waits for its time.
type queued struct {
	at  time.Duration
	job int32
}

// run is one worker's.
type run struct {
	node      int32 // where it stands; 0: there is none
	job       int32
	claim     int32         // the journal's version that it wrote last
	wrote     int32         // that record
	confirmed time.Duration // when that was last known to stand
	proven    int32         // the last password of which the verifier said that it works
	denied    int32         // set: those of which the run heard that they do not
	hand      int32         // an issued password that has not reached the journal
	late      bool          // it sent without the claim, and has not told
	tardy     bool          // what it sent then may arrive after a recheck
	key       int32         // the management key that it calls with
	stopped   time.Duration // when its process was stopped
	unheard   bool          // for so long that it counted as gone
}

// wish is a job.
type wish struct {
	rotation.Job
	check bool
	heals bool          // a run or the sweep asked for it
	due   bool          // it is wished, and gets its slot, when its time has come
	at    time.Duration // when it was wished, by the true clock
}

func (w wish) run(ctx context.Context, m *rotation.Machine, s rotation.Subject) rotation.Result {
	if w.check {
		return m.Check(ctx, s, w.Job)
	}
	return m.Rotate(ctx, s, w.Job)
}

func (w wish) String() string {
	if w.check {
		return fmt.Sprintf("check (%s)", w.Reason)
	}
	return fmt.Sprintf("rotate (%s)", w.Reason)
}

// enqueue adds a job.
func (s *state) enqueue(at time.Duration, job int32) {
	q := queued{at, job}
	for i := range s.queue {
		if s.queue[i].job == 0 || q.at < s.queue[i].at {
			q, s.queue[i] = s.queue[i], q
		}
		if q.job == 0 {
			return
		}
	}
	s.fail(pBounded, "the queue only grows")
}

// later has a job to retire identities that waits serve a wish for one at another time: at the later of the two. It is false
// where none waits.
func (s *state) later(x *explorer, at time.Duration) bool {
	for i, q := range s.queue {
		if q.job != 0 && x.jobs.values[q.job].Reason == rotation.ReasonRetire {
			s.remove(i)
			s.enqueue(max(q.at, at), q.job)
			return true
		}
	}
	return false
}

// requeue gives the current run's job back. A rotation's is in the queue once: its id sees to that.
func (x *explorer) requeue(s *state, after time.Duration) {
	at := s.now + after
	for i, q := range s.queue {
		if q.job == s.cur.job && !x.jobs.values[q.job].check {
			if q.at <= at {
				return
			}
			s.remove(i)
			break
		}
	}
	s.enqueue(at, s.cur.job)
}

func (s *state) remove(i int) {
	copy(s.queue[i:], s.queue[i+1:])
	s.queue[queueLen-1] = queued{}
}

// due returns when the next job can be run, and whether there is one.
func (s *state) due() (at time.Duration, ok bool) {
	at = s.queue[0].at
	if s.resumes() {
		at = s.open
	}
	return max(at, s.now), s.queue[0].job != 0 || s.open != 0
}

// resumes tells that the next job is a resume.
func (s *state) resumes() bool {
	return s.open != 0 && (s.queue[0].job == 0 || s.open < s.queue[0].at)
}

// dequeue takes the next job, when its time has come.
func (x *explorer) dequeue(s *state) (job int32) {
	at, _ := s.due()
	s.pass(at)
	if s.resumes() {
		s.open = s.now + resumeTime // who resumes may die as well
		return x.wish(wish{Job: rotation.Job{Reason: rotation.ReasonResume}, at: s.now})
	}
	job = s.queue[0].job
	s.remove(0)
	if w := x.jobs.values[job]; w.due {
		w.due, w.Slot, w.at = false, x.slot(s), s.now
		job = x.wish(w)
	}
	return job
}

// pass lets time pass.
func (s *state) pass(until time.Duration) {
	s.now = max(s.now, until)
	if s.now > s.deadline {
		s.land()
	}
	for i := range s.targets {
		if t := &s.targets[i]; s.now > t.spread {
			t.spread = 0
		}
	}
	if s.now >= s.journalLags {
		s.journalLags = 0
	}
	if s.now >= s.currentLags {
		s.currentLags = 0
	}
	if s.now >= s.leftAt {
		s.left, s.leftAt = 0, 0
	}
	if s.now >= s.cured {
		s.sick, s.cured = healthy, 0
	}
	if s.held <= s.now {
		s.free()
	}
}

// free is what becomes of a hold.
func (s *state) free() { s.held, s.mirrored = 0, false }
