package fielderr

import (
	"errors"
	"fmt"
	"testing"
)

func TestAListGivesBackEveryErrorInItsOrder(t *testing.T) {
	t.Parallel()
	var l List
	if err := l.Err(); err != nil || len(All(err)) != 0 {
		t.Fatalf("an empty list is the error %v", err)
	}
	l.Add("splay", "%s is longer than %v", "2h", 1)
	l.Add("every", "is missing")
	err := l.Err()
	if got, want := err.Error(), "splay: 2h is longer than 1\nevery: is missing"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, err := range []error{err, fmt.Errorf("of a schedule: %w", err)} {
		all := All(err)
		if len(all) != 2 || *all[0] != (Error{"splay", "2h is longer than 1"}) || *all[1] != (Error{"every", "is missing"}) {
			t.Errorf("%q gives %v", err, all)
		}
	}
	if all := All(errors.New("of another kind")); len(all) != 0 {
		t.Errorf("an error of another kind gives %v", all)
	}
}
