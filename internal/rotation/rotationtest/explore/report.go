package explore

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what an exploration found.
type Report struct {
	States      int // that differ, and at which there was a choice
	Schedules   int // followed until they ended, or came to a known state
	Steps       int // taken from one state to another
	Runs        int // of the machine that differ, by what they were told
	Longest     int // steps of the longest schedule
	Finals      int // states in which all is quiet
	Quarantined int // of these: a person has to look

	// What is not promised (docs/reliability.md), in quiet states.

	Silent   int // no verifier, and who sent late died before it could say so
	Lied     int // in quarantine, the provider said what is not so, and no verifier could be asked
	Unseen   int // in quarantine, and the password that an Issuer made last was never seen
	Strayed  int // of a pair: a call came later than any rule reckons with, and the repair came to a quarantine
	ByHand   int // a person put an earlier version of current back, and there is no verifier, or it came to a quarantine
	Unproven int // an Issuer never told its servers, and no verifier, or a sick one, could tell: promoted at last, marked unverified

	Causes Causes // why people have to look

	Coverage   Coverage
	Violations []Violation
}

// Violation is a rule of docs/protocol.md that does not hold, and the first schedule that showed it.
type Violation struct {
	What     string
	Schedule Schedule
}

// String is what a file of testdata holds: the schedule, and what happens on it.
func (v Violation) String() string {
	trace, _, err := v.Schedule.Replay()
	if err != nil {
		trace += err.Error() + "\n"
	}
	return v.Schedule.String() + "----\n" + trace
}

// step is one edge of a schedule.
type step struct {
	now   time.Duration
	call  call
	job   int32
	fault Fault
}

// violated notes what does not hold in s, and reports whether to go no further.
func (x *explorer) violated(s *state) bool {
	if s.failed == "" && len(x.path) > maxSteps {
		s.fail(pBounded, "it does not come to rest")
	}
	if s.failed == "" {
		return x.First && len(x.Violations) > 0
	}
	for _, v := range x.Violations {
		if v.What == s.failed {
			return true
		}
	}
	x.Violations = append(x.Violations, Violation{s.failed, x.retrace(x.path, s.failed)})
	return true
}

// Coverage counts, for each port call, how often it suffered each fault, in states that differ.
type Coverage [ops][faults]int

// Add adds another count.
func (c *Coverage) Add(other *Coverage) {
	for o := range c {
		for f := range c[o] {
			c[o][f] += other[o][f]
		}
	}
}

// Missing names those faults which any call can suffer and some call that was made did not.
func (c *Coverage) Missing() (missing []string) {
	for o := opTake; o <= opSleep; o++ {
		if c[o][None] == 0 {
			continue
		}
		for f := CrashBefore; f <= Demand; f++ {
			if c[o][f] == 0 && (o != opSleep || (f != ErrorBefore && f != LostReply)) {
				missing = append(missing, fmt.Sprintf("%s at %s", f, o))
			}
		}
	}
	return missing
}

// String is a table: what any call can suffer, then what the provider, the verifier and a person add.
func (c *Coverage) String() string {
	var b strings.Builder
	for _, part := range [][2]Fault{{None, Demand}, {NotSent, UserWrote}, {CrashLate, EverybodyRefused}} {
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprint(w, "call\t")
		for f := part[0]; f <= part[1]; f++ {
			fmt.Fprintf(w, "%s\t", f)
		}
		fmt.Fprintln(w)
		for o := opTake; o <= opSleep; o++ {
			sum, line := 0, ""
			for f := part[0]; f <= part[1]; f++ {
				sum += c[o][f]
				line += fmt.Sprintf("%d\t", c[o][f])
			}
			if sum > 0 {
				fmt.Fprintf(w, "%s\t%s\n", o, line)
			}
		}
		_ = w.Flush() // into memory
		fmt.Fprintln(&b)
	}
	return b.String()
}
