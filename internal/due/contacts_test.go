package due

import (
	"context"
	"maps"
	"testing"
	"time"

	"keyturn/internal/contacts"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

type noteMap = map[string]contacts.Note

func sentNote(address string) contacts.Note {
	return contacts.Note{
		ContactResult: rotation.ContactResult{Address: address, State: rotation.ContactSent},
		Slot:          time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC), At: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC), Tries: 1,
	}
}

func TestContactNotesComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	notes, ctx := x.ContactNotes(), t.Context()
	if got := have[noteMap](t)(notes.Load(ctx, "acme", "owners")); len(got) != 0 {
		t.Errorf("at first there is %+v", got)
	}
	failed := sentNote("b@example.com")
	failed.State, failed.Code, failed.NotToday, failed.Tries = rotation.ContactFailed, "SendTokenQuotaExceeded", true, 3
	want := noteMap{"a@example.com": sentNote("a@example.com"), "b@example.com": failed}
	must(t, notes.Save(ctx, "acme", "owners", want))
	if got := have[noteMap](t)(notes.Load(ctx, "acme", "owners")); !maps.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}

	// Another job or account has notes of its own.
	for _, other := range [][2]string{{"acme", "others"}, {"acme.now", "owners"}} {
		if got := have[noteMap](t)(notes.Load(ctx, other[0], other[1])); len(got) != 0 {
			t.Errorf("%v has %+v", other, got)
		}
	}
}

func TestContactNotesAreReplacedAsAWhole(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	notes, ctx := x.ContactNotes(), t.Context()
	must(t, notes.Save(ctx, "acme", "owners", noteMap{"a@example.com": sentNote("a@example.com"), "b@example.com": sentNote("b@example.com")}))
	want := noteMap{"b@example.com": sentNote("b@example.com")}
	must(t, notes.Save(ctx, "acme", "owners", want))
	if got := have[noteMap](t)(notes.Load(ctx, "acme", "owners")); !maps.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	must(t, notes.Save(ctx, "acme", "owners", nil))
	if got := have[noteMap](t)(notes.Load(ctx, "acme", "owners")); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestContactNotesOutliveARestOfADayButNotAJobThatIsGone(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	must(t, x.ContactNotes().Save(t.Context(), "acme", "owners", noteMap{"a@example.com": sentNote("a@example.com")}))
	ttl := have[time.Duration](t)(x.rdb.PTTL(t.Context(), redisx.Key("acme", "contacts:owners")).Result())
	if ttl < 25*time.Hour || ttl > 30*24*time.Hour {
		t.Errorf("kept for %v", ttl)
	}
}

func TestAnUnreadableContactNoteCountsAsLost(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	notes, ctx := x.ContactNotes(), t.Context()
	must(t, notes.Save(ctx, "acme", "owners", noteMap{"a@example.com": sentNote("a@example.com"), "b@example.com": sentNote("b@example.com")}))
	must(t, x.rdb.HSet(ctx, redisx.Key("acme", "contacts:owners"), "a@example.com", "nonsense").Err())
	got := have[noteMap](t)(notes.Load(ctx, "acme", "owners"))
	if _, kept := got["b@example.com"]; len(got) != 1 || !kept {
		t.Errorf("got %+v", got)
	}
}

func TestContactNotesSayWhereRedisIsAway(t *testing.T) {
	t.Parallel()
	redis := devenvtest.Redis(t)
	x := dial(t, redis.Addr)
	must(t, redis.Stop())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := x.ContactNotes().Load(ctx, "acme", "owners"); err == nil {
		t.Error("there was nothing to load from")
	}
	if err := x.ContactNotes().Save(ctx, "acme", "owners", noteMap{"a@example.com": sentNote("a@example.com")}); err == nil {
		t.Error("there was nothing to save to")
	}
}
