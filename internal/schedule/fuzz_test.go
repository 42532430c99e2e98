package schedule

import (
	"strings"
	"testing"
	"time"
)

// FuzzNext: what Parse takes has the properties of checkProperties.
func FuzzNext(f *testing.F) {
	f.Add("30d", "", "UTC", "", "", "", int64(1767225600), int64(3600), "id")
	f.Add("1w", "", "Europe/Berlin", "22:00-04:00", "sat", "1h", int64(1774735200), int64(86400), "id")
	f.Add("1d", "", "Europe/Berlin", "02:10-02:50", "sun", "", int64(1774735200), int64(7), "a")
	f.Add("1h", "", "America/Sao_Paulo", "23:30-00:30", "sat,sun", "10m", int64(1540000000), int64(0), "b")
	f.Add("", "30 2 * * 0", "America/New_York", "", "", "30m", int64(1772900000), int64(1800), "c")
	f.Add("", "0 12 * * *", "Australia/Lord_Howe", "01:45-02:15", "", "5m", int64(1774735200), int64(60), "d")
	f.Add("", "*/7 * 29 2 *", "Pacific/Apia", "00:00-24:00", "fri", "0s", int64(1325203200), int64(86400), "e")
	f.Fuzz(func(t *testing.T, every, cron, zone, hours, days, splay string, last, step int64, id string) {
		spec := Spec{Every: every, Cron: cron, Zone: zone, Window: hours, Splay: splay}
		if days != "" {
			spec.Days = strings.Split(days, ",")
		}
		s, err := Parse(spec)
		if err != nil {
			if fields(t, err) == "" {
				t.Fatalf("names no field: %v", err)
			}
			return
		}
		const century = 100 * 365 * 24 * 3600
		from := time.Unix(last%century, 0) // 1870 to 2069
		later := from.Add(time.Duration(step%century) * time.Second)
		if later.Before(from) {
			from, later = later, from
		}
		checkProperties(t, s, from, later, id)
	})
}

// FuzzInstants: both instants show the wall time wherever the clocks do, and never run backwards.
func FuzzInstants(f *testing.F) {
	f.Add(int64(1774749000), "Europe/Berlin")
	f.Add(int64(1792895400), "Europe/Berlin")
	f.Add(int64(1325203200), "Pacific/Apia")
	f.Fuzz(func(t *testing.T, seconds int64, name string) {
		zone, err := time.LoadLocation(name)
		if err != nil || name == "Local" {
			return
		}
		wall := time.Unix(seconds%(1<<33), 0).UTC()
		first, last := instants(wall, zone)
		if last.Before(first) {
			t.Fatalf("%v in %s: %v before %v", wall, name, last, first)
		}
		if back := wallOf(first, zone); back.Before(wall) {
			t.Fatalf("%v in %s: %v shows %v", wall, name, first, back)
		}
		for _, instant := range []time.Time{first, last} {
			if got, _ := instants(wallOf(instant, zone), zone); got.After(instant) {
				t.Fatalf("%v in %s: %v leads to %v", wall, name, instant, got)
			}
		}
		if next, _ := instants(wall.Add(time.Minute), zone); next.Before(first) {
			t.Fatalf("%v in %s: a minute later is earlier", wall, name)
		}
	})
}
