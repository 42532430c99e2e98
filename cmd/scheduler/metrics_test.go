package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/app/apptest"
	"keyturn/internal/observe"
)

var (
	sampleLine = regexp.MustCompile(`(?m)^(keyturn_\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$`)
	labelName  = regexp.MustCompile(`(\w+)="`)
)

// scraped returns the label names of every metric of keyturn that a process shows, and its type.
func scraped(t *testing.T, p *apptest.Process) (labels map[string][]string, types map[string]string) {
	t.Helper()
	status, text := p.Get("/metrics")
	if status != 200 {
		t.Fatalf("%s: HTTP %d", p.Name, status)
	}
	labels, types = map[string][]string{}, map[string]string{}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 4 && f[1] == "TYPE" {
			types[f[2]] = f[3]
		}
	}
	for _, m := range sampleLine.FindAllStringSubmatch(text, -1) {
		var names []string
		for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
			if l[1] != "le" { // of a histogram's buckets
				names = append(names, l[1])
			}
		}
		slices.Sort(names)
		labels[m[1]] = names
	}
	return labels, types
}

func TestWhatIsScrapedIsWhatTheReferenceSays(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("seen")
	s.Configure(apptest.Settings{Top: "webhooks: {ops: {url: \"http://127.0.0.1:1\", secret: {env: SES_ID}}}"})
	worker, scheduler := s.Start("worker"), s.Start("scheduler")
	s.Until("it is rotated", func() bool { return s.Settled(c, 1) })
	scheduler.Until("the schedulers are counted", func(text string) bool { return strings.Contains(text, "\nkeyturn_configurations 1\n") })

	known := map[string]observe.Family{}
	for _, f := range observe.Families() {
		known[f.Name] = f
	}
	shown := map[*apptest.Process]map[string][]string{}
	for _, p := range []*apptest.Process{worker, scheduler} {
		labels, types := scraped(t, p)
		shown[p] = labels
		for name, names := range labels {
			f := known[name]
			want := slices.Sorted(slices.Values(f.Labels))
			if f.Name == "" || types[name] != string(f.Type) || !slices.Equal(names, want) {
				t.Errorf("%s shows %s as a %s with labels %v; the reference has %+v", p.Name, name, types[name], names, f)
			}
		}
		for name, f := range known {
			if f.Shown == observe.ByAny && labels[name] == nil {
				t.Errorf("%s does not show %s", p.Name, name)
			}
		}
	}
	// What the others count has not happened here.
	for _, name := range []string{"keyturn_rotations_total", "keyturn_provider_calls_total", "keyturn_exposure_seconds", "keyturn_runs_total"} {
		if shown[worker][name] == nil || shown[scheduler][name] != nil {
			t.Errorf("%s: worker %v, scheduler %v", name, shown[worker][name], shown[scheduler][name])
		}
	}
	if _, ok := shown[worker]["keyturn_configurations"]; ok {
		t.Error("a worker shows what only a scheduler knows")
	}
}
