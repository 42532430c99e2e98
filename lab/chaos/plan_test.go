package main

import (
	"reflect"
	"slices"
	"testing"
)

func TestPlanRepeatsWithItsSeed(t *testing.T) {
	t.Parallel()
	if !reflect.DeepEqual(plan(200, 1), plan(200, 1)) {
		t.Error("the same seed makes another schedule")
	}
	if reflect.DeepEqual(plan(200, 1), plan(200, 2)) {
		t.Error("another seed makes the same schedule")
	}
}

func TestPlanHasAtLeastTheFaultsThatAreAskedFor(t *testing.T) {
	t.Parallel()
	for _, rotations := range []int{1, 200, 251, 5000} {
		count := map[kind]int{}
		for _, e := range plan(rotations, 7) {
			count[e.Kind]++
		}
		happening := rotations + extra(rotations) // those that go on while the last faults last included
		rare := share(happening, 250)
		for name, n := range map[string]struct{ got, want int }{
			"kills":          {count[killWorker] + count[killCaller] + count[killScheduler], share(happening, 25)},
			"redis restarts": {count[restartRedis], rare},
			"flushes":        {count[flushRedis], rare},
			"vault outages":  {count[sealVault] + count[killVault], rare},
			"pauses":         {count[pauseWorker] + count[pauseCaller] + count[lateWrite], rare},
			"late writes":    {count[lateWrite], 1},
			"full Redis":     {count[fillRedis], rare},
			"read-only":      {count[demoteRedis], rare},
			"lags":           {count[lagVault], rare},
			"quarantines":    {count[condemn], 1},
			"mail troubles":  {count[mailTrouble], share(rotations, 50)},
		} {
			if n.got < n.want {
				t.Errorf("%d rotations: %d %s, want %d", rotations, n.got, name, n.want)
			}
		}
	}
}

func TestPlanEndsBeforeTheRotationsDo(t *testing.T) {
	t.Parallel()
	events := plan(5000, 3)
	if !slices.IsSortedFunc(events, func(a, b event) int { return a.At - b.At }) {
		t.Error("the schedule is not in the order of time")
	}
	if last := events[len(events)-1]; last.At >= 5000 {
		t.Errorf("the last fault strikes at rotation %d of 5000: it never would", last.At)
	}
}
