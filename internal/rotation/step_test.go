package rotation_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"keyturn/internal/rotation"
)

// steps follows a machine; each step is told under the ones that it is within, with the cause of its end.
type steps struct {
	told   []string
	causes []error
}

type withinKey struct{}

func (s *steps) follow(ctx context.Context, name string) (context.Context, func(error)) {
	if _, within := ctx.Value(withinKey{}).(string); within {
		name = "nested " + name
	}
	s.told = append(s.told, name)
	return context.WithValue(ctx, withinKey{}, name), func(err error) { s.causes = append(s.causes, err) }
}

func TestWhoFollowsIsToldEachStepInTurn(t *testing.T) {
	t.Parallel()
	for send, subject := range map[string]func() (rotation.Subject, *rotation.Machine, rotation.Job){
		"set": func() (rotation.Subject, *rotation.Machine, rotation.Job) {
			w, k := newWorker()
			return k.Setter(true), k.Machine(), scheduled(w)
		},
		"issue": func() (rotation.Subject, *rotation.Machine, rotation.Job) {
			w, k := newWorker()
			return k.Issuer(true), k.Machine(), scheduled(w)
		},
		"mint": func() (rotation.Subject, *rotation.Machine, rotation.Job) {
			w, k := newWorker()
			return k.Overlap(true), k.Machine(), scheduled(w)
		},
	} {
		s, m, job := subject()
		var seen steps
		m.Step = seen.follow
		if result := m.Rotate(t.Context(), s, job); !result.Rotated {
			t.Fatalf("%s: %+v", send, result)
		}
		want := []string{"get in line", "stage", send, "verify", "promote", "close"}
		if !slices.Equal(seen.told, want) || len(seen.causes) != len(want) || errors.Join(seen.causes...) != nil {
			t.Errorf("%q, %v; want %q", seen.told, seen.causes, want)
		}
	}
}

func TestAStepThatEndsARunIsToldWithItsCause(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	w.Answer = always(rotation.Unauthorized)
	m := k.Machine()
	var seen steps
	m.Step = seen.follow
	m.Rotate(t.Context(), k.Setter(true), scheduled(w))
	var cause *rotation.Error
	if len(seen.causes) != 3 || !errors.As(seen.causes[2], &cause) || cause.Kind != rotation.Unauthorized {
		t.Errorf("%q ended with %v", seen.told, seen.causes)
	}
}
