package explore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schedule is one way through a mode: what a violation prints, and what a file of testdata holds. As text it is a line
// "replay" with the mode, and then a line for each choice. Everything else happens by itself.
type Schedule struct {
	Mode    Exploration // its Depth, First and Only do not matter
	Choices []Choice
	// Renamed has passwords, versions and times start again whenever no process is at work, as an exploration does: there
	// are violations that show up in no other way.
	Renamed bool
}

// Choice is where a schedule departs from what happens by itself: "pause at setter.set", or "lost reply at journals.save 2"
// for the second such call since the choice before. At is a port call, or, while no process is at work, what would come
// next: "rotate (resume)", "check (recheck)", "wake", "sweep" or "quiet".
type Choice struct {
	Fault Fault
	At    string
	Nth   int // from 1
}

func (c Choice) String() string {
	if c.Nth == 1 {
		return fmt.Sprintf("%s at %s", c.Fault, c.At)
	}
	return fmt.Sprintf("%s at %s %d", c.Fault, c.At, c.Nth)
}

func (s Schedule) String() string {
	var b strings.Builder
	words := s.Mode.words()
	if s.Renamed {
		words = append(words, "renamed")
	}
	fmt.Fprintf(&b, "replay %s\n", strings.Join(words, " "))
	for _, c := range s.Choices {
		fmt.Fprintln(&b, c)
	}
	return b.String()
}

// switches are the words of a mode that are on or off.
func (e *Exploration) switches() map[string]*bool {
	return map[string]*bool{
		"issuer": &e.Issuer, "verified": &e.Verified, "again": &e.Again, "stale": &e.Stale, "sick": &e.Sick, "strict": &e.Strict,
		"everywhere": &e.Everywhere, "exact": &e.Exact, "pair": &e.Pair, "putback": &e.PutBack, "extend": &e.Extend, "adopted": &e.Adopted,
		"overlap": &e.Overlap, "found": &e.Found, "disables": &e.Disables, "keys": &e.Keys,
	}
}

// words spells a mode.
func (e Exploration) words() (words []string) {
	if !e.Issuer {
		words = append(words, "setter")
	}
	for _, word := range []string{"issuer", "verified", "pair", "overlap", "disables", "keys", "found", "adopted", "putback", "extend", "again", "stale", "sick", "strict", "everywhere", "exact"} {
		if *e.switches()[word] {
			words = append(words, word)
		}
	}
	if e.Quota != 0 {
		words = append(words, fmt.Sprintf("quota=%d", e.Quota))
	}
	if e.Skew != 0 {
		words = append(words, "skew="+e.Skew.String())
	}
	return words
}

// ParseSchedule reads what Schedule.String writes. An error names the line, or the word, that it cannot read.
func ParseSchedule(text string) (Schedule, error) {
	var s Schedule
	first, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	words := strings.Fields(first)
	if len(words) < 2 || words[0] != "replay" {
		return s, fmt.Errorf("%q does not begin with replay and a mode", first)
	}
	for _, word := range words[1:] {
		skew, isSkew := strings.CutPrefix(word, "skew=")
		quota, isQuota := strings.CutPrefix(word, "quota=")
		on, isSwitch := s.Mode.switches()[word]
		switch {
		case isSwitch:
			*on = true
		case isQuota:
			n, err := strconv.Atoi(quota)
			if err != nil {
				return s, err
			}
			s.Mode.Quota = n
		case isSkew:
			d, err := time.ParseDuration(skew)
			if err != nil {
				return s, err
			}
			s.Mode.Skew = d
		case word == "renamed":
			s.Renamed = true
		case word != "setter":
			return s, fmt.Errorf("%q is not a word of a mode", word)
		}
	}
	for line := range strings.Lines(rest) {
		c, err := parseChoice(strings.TrimSpace(line))
		if err != nil {
			return s, err
		}
		s.Choices = append(s.Choices, c)
	}
	return s, nil
}

func parseChoice(line string) (Choice, error) {
	name, at, _ := strings.Cut(line, " at ")
	fault := slices.Index(faultNames[:], name)
	if fault <= int(None) || at == "" {
		return Choice{}, fmt.Errorf("%q is not a fault and where it strikes", line)
	}
	c := Choice{Fault: Fault(fault), At: at, Nth: 1} //nolint:gosec // an index of faultNames
	if before, last, found := cutLast(at); found {
		if nth, err := strconv.Atoi(last); err == nil {
			c.At, c.Nth = before, nth
		}
	}
	return c, nil
}

func cutLast(text string) (before, last string, found bool) {
	at := strings.LastIndexByte(text, ' ')
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+1:], true
}
