package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"keyturn/internal/operate"
)

func TestABulkThatIsNotWholeSaysWhatIsMissingAndWhereToGoOn(t *testing.T) {
	t.Parallel()
	b := operate.Bulk{Account: "mail", Credentials: 2000, Asked: 18, Open: 18, Waits: "c-0", Last: "c-17"}
	for cause, want := range map[error]string{
		operate.ErrStalled: "mail: nothing has moved for too long: is a worker running?\n" +
			"18 are still open, c-0 among them; what was asked for goes on without rotatectl\n" +
			"1982 were not asked for: `rotatectl rotate --all --account mail --after c-17` goes on there",
		operate.ErrInterrupted: "mail: interrupted\n" +
			"18 are still open, c-0 among them; what was asked for goes on without rotatectl\n" +
			"1982 were not asked for: `rotatectl rotate --all --account mail --after c-17` goes on there",
	} {
		for _, wait := range []bool{true, false} {
			if err := (&rotate{asking: asking{wait: wait}}).missing(b, cause); err == nil || err.Error() != want {
				t.Errorf("%v\nwant\n%s", err, want)
			}
		}
	}
	part := &rotate{filing: filing{owner: "the shop", labels: []string{"tier=gold"}}}
	if err := part.missing(b, operate.ErrStalled); err == nil || !strings.Contains(err.Error(), "--account mail --owner 'the shop' --label tier=gold --after c-17`") {
		t.Errorf("of a part of the account: %v", err)
	}
	b = operate.Bulk{Account: "mail"}
	if err := (&rotate{}).missing(b, errors.New("redis is away")); err == nil || err.Error() != "mail: redis is away" {
		t.Errorf("%v", err)
	}
}

func TestFailuresOfABulkAreNamedAndTheOthersCounted(t *testing.T) {
	t.Parallel()
	b := operate.Bulk{Account: "mail", Credentials: 50, Asked: 50, Failed: 50}
	for i := range operate.MaxFailures {
		b.Failures = append(b.Failures, operate.Verdict{Credential: fmt.Sprintf("c-%d", i), Outcome: operate.Stopped})
	}
	lines := strings.Split(fmt.Sprint((&rotate{asking: asking{wait: true}}).missing(b, nil)), "\n")
	last := operate.MaxFailures
	if len(lines) != last+1 || lines[0] != "c-0: quarantined: see `rotatectl status c-0`" || lines[last] != "and 30 more that were not rotated" {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
}
