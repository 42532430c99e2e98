package schedule

import (
	"testing"
	"time"
)

func TestAMissedSlotWaitsForItsNextWindow(t *testing.T) {
	t.Parallel()
	const berlin = "Europe/Berlin"
	night := Spec{Every: "1d", Window: "01:07-03:07", Splay: "0s"}
	for _, tt := range []struct {
		name           string
		spec           Spec
		due, now, want string
	}{
		{"no window", Spec{Every: "1d"}, "2026-01-01 02:00", "2026-01-05 12:00", "2026-01-01 02:00"},
		{"still to come", night, "2026-01-02 02:00", "2026-01-01 12:00", "2026-01-02 02:00"},
		{"missed by hours", night, "2026-01-01 02:00", "2026-01-01 22:07", "2026-01-02 01:07"},
		{"missed by days", night, "2026-01-01 02:00", "2026-01-09 12:00", "2026-01-10 01:07"},
		{"late, and its window is open", night, "2026-01-01 01:07", "2026-01-01 03:06", "2026-01-01 01:07"},
		{"the end of the window is outside", night, "2026-01-01 01:07", "2026-01-01 03:07", "2026-01-02 01:07"},
		{"missed, and another window is open", night, "2026-01-01 02:00", "2026-01-03 02:30", "2026-01-03 01:07"},
		{"over midnight", Spec{Every: "1d", Window: "22:00-04:00", Splay: "0s"}, "2026-01-01 22:00", "2026-01-02 03:59", "2026-01-01 22:00"},
		{"only on saturdays", Spec{Every: "1w", Days: []string{"sat"}, Window: "22:00-04:00", Splay: "0s"}, "2026-01-03 22:00", "2026-01-04 12:00", "2026-01-10 22:00"},
		{"the window never closes", Spec{Every: "1d", Window: "00:00-24:00"}, "2026-01-01 02:00", "2026-01-09 12:00", "2026-01-01 02:00"},
		{"from one weekday to the next", Spec{Every: "1d", Days: []string{"mon-fri"}}, "2026-01-05 23:00", "2026-01-07 12:00", "2026-01-05 23:00"},
		{"from one week to the next", Spec{Every: "1d", Days: []string{"mon-fri"}, Splay: "0s"}, "2026-01-02 23:00", "2026-01-07 12:00", "2026-01-05 00:00"},
		{"cron", Spec{Cron: "0 2 * * *", Window: "01:07-03:07", Splay: "0s"}, "2026-01-01 02:00", "2026-01-01 22:07", "2026-01-02 01:07"},
		{"in a zone", Spec{Every: "1d", Window: "01:07-03:07", Zone: berlin, Splay: "0s"}, "2026-03-28 00:10", "2026-03-28 12:00", "2026-03-29 01:07 +0100"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := parse(t, tt.spec)
			if got, want := s.Serve(at(t, tt.due), at(t, tt.now), "id"), at(t, tt.want); !got.Equal(want) {
				t.Errorf("got %v, want %v", got, want.UTC())
			}
		})
	}
}

// Those that wait are spread like those that never missed a slot, and asking again changes nothing.
func TestMissedSlotsAreSpreadOverTheNextWindow(t *testing.T) {
	t.Parallel()
	s := parse(t, Spec{Every: "1d", Window: "22:00-04:00"})
	due, now := at(t, "2026-01-01 23:00"), at(t, "2026-01-02 12:00")
	start, hours := at(t, "2026-01-02 22:00"), [6]int{}
	for i := range 600 {
		id := string(rune('a'+i%26)) + time.Duration(i).String()
		got := s.Serve(due, now, id)
		if got.Before(start) || !got.Before(start.Add(6*time.Hour)) {
			t.Fatalf("%s is served at %s, outside the window", id, got)
		}
		hours[got.Sub(start)/time.Hour]++
		for _, later := range []time.Time{now.Add(time.Hour), start.Add(time.Minute), got} {
			if again := s.Serve(got, later, id); !again.Equal(got) {
				t.Fatalf("%s: %s, and asked again at %s: %s", id, got, later, again)
			}
			if again := s.Serve(due, later, id); !again.Equal(got) {
				t.Fatalf("%s: %s, and asked from the start at %s: %s", id, got, later, again)
			}
		}
	}
	for h, n := range hours {
		if n < 50 {
			t.Errorf("%d of 600 fall into hour %d of the window", n, h)
		}
	}
}
