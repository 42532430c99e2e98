package console

import (
	"fmt"
	"strings"
	"time"

	"keyturn/internal/operate"
)

// bar is one of a chart, in its units.
type bar struct {
	X, Y, Height int
	Day          string
	N            int
}

// chart is bars that are 100 high at most. Width is that of all of them.
type chart struct {
	Bars  []bar
	Width int
	Most  int
	Day   string // of the most
	// Line are the points of a line over the bars; "" where it is beyond them.
	Line string
}

const (
	barStep = 20  // from one bar to the next
	barMost = 96  // height of the highest one
	barBase = 100 // where they stand
)

// add puts a bar behind the others. Most is known already.
func (c *chart) add(day string, n int) {
	height := 0
	if n > 0 {
		height = max(2, n*barMost/c.Most)
	}
	if n == c.Most && c.Day == "" {
		c.Day = day
	}
	c.Bars = append(c.Bars, bar{X: c.Width, Y: barBase - height, Height: height, Day: day, N: n})
	c.Width += barStep
}

// bars draws how many fall due on each day from an instant on.
func bars(counts []int, from time.Time) chart {
	c := chart{}
	for _, n := range counts {
		c.Most = max(c.Most, n)
	}
	for i, n := range counts {
		c.add(from.AddDate(0, 0, i).Format("2 Jan"), n)
	}
	return c
}

// daily draws what falls due on each day of a plan, and as a line what the rate lets go. What is left of today is no measure of
// the rate.
func daily(days []operate.PlanDay) chart {
	c, least := chart{}, 0
	for i, d := range days {
		c.Most = max(c.Most, d.Due)
		if i == 1 || i > 1 && d.CanGo < least {
			least = d.CanGo
		}
	}
	var line strings.Builder
	for i, d := range days {
		x := c.Width
		c.add(dayOf(d.Day), d.Due)
		if i > 0 && c.Most > 0 {
			y := barBase - min(d.CanGo*barMost/c.Most, barBase)
			fmt.Fprintf(&line, "%d,%d %d,%d ", x, y, x+barStep, y)
		}
	}
	if least <= c.Most && c.Most > 0 {
		c.Line = strings.TrimSpace(line.String())
	}
	return c
}

// dayOf writes a day of a plan shorter.
func dayOf(day string) string {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return at.Format("2 Jan")
}

// times writes a number of something a day for people.
func times(perDay float64) string {
	if perDay > 0 && perDay < 10 {
		return fmt.Sprintf("%.1f", perDay)
	}
	return operate.Grouped(int(perDay))
}

// hourly draws calls in each of the last hours; the last one has only begun.
func hourly(counts []int, now time.Time) chart {
	c := chart{}
	for _, n := range counts {
		c.Most = max(c.Most, n)
	}
	for i, n := range counts {
		c.add(now.UTC().Truncate(time.Hour).Add(time.Duration(i+1-len(counts))*time.Hour).Format("15:04 UTC"), n)
	}
	return c
}

// trouble is how many credentials stand where they should not stay.
type trouble struct{ Class, Text string }

// troubles are those of an account, those that need a person first.
func troubles(c operate.Counts) (all []trouble) {
	for _, t := range []struct {
		n           int
		class, text string
	}{
		{c.Quarantined, "bad", "■ %s quarantined"},
		{c.Deleted, "bad", "▲ %s deleted"},
		{c.Refused, "bad", "▲ %s refused"},
		{c.InDoubt, "bad", "◇ %s in doubt"},
		{c.Overdue, "bad", "▲ %s overdue"},
		{c.Rotating, "", "◐ %s rotating"},
		{c.Waiting, "", "○ %s waiting"},
		{c.Unread, "", "○ %s unread"},
	} {
		if t.n > 0 {
			all = append(all, trouble{t.class, fmt.Sprintf(t.text, operate.Grouped(t.n))})
		}
	}
	return all
}

// took is a bound of a duration for people; a negative one is none.
func took(seconds float64) string {
	switch {
	case seconds < 0:
		return "more than 5 min"
	case seconds < 1:
		return fmt.Sprintf("%.0f ms", seconds*1000)
	}
	return span(time.Duration(seconds * float64(time.Second)))
}

// share is one of a whole for people.
func share(of float64) string {
	if of > 0 && of < 0.01 {
		return "< 1 %"
	}
	return fmt.Sprintf("%.0f %%", of*100)
}
