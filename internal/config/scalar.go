package config

import (
	"strconv"
	"strings"
	"time"

	"keyturn/internal/duration"
)

// string returns the text of v; "" is an error, because what is not wanted is left out.
func (v *value) string() string {
	if !v.is(text) {
		return ""
	}
	if v.text == "" {
		v.fail("leave the field out, or give it a value", "is empty")
	}
	return v.text
}

// integer returns a number from low up to high.
func (v *value) integer(low, high int) int {
	if !v.is(number) {
		return low
	}
	n, err := strconv.Atoi(v.text)
	if err != nil || n < low || n > high {
		v.fail("", "must be a whole number from %d to %d", low, high)
		return low
	}
	return n
}

func (v *value) boolean() bool {
	return v.is(boolean) && strings.EqualFold(v.text, "true")
}

// duration returns a positive duration such as "30d" or "1m30s".
func (v *value) duration() time.Duration {
	text := v.string()
	if text == "" {
		return 0
	}
	d, err := duration.Parse(text)
	switch {
	case err != nil:
		v.fail("", "%v", err)
	case d == 0:
		v.fail("", "must be longer than 0")
	}
	return d
}

// durationIn returns a duration from low up to high.
func (v *value) durationIn(low, high time.Duration) time.Duration {
	d := v.duration()
	if d != 0 && (d < low || d > high) {
		v.fail("", "must be from %v to %v", low, high)
		return 0
	}
	return d
}

// oneOf returns the index of v's text among names, or 0 after an error.
func (v *value) oneOf(names ...string) int {
	if !v.is(text) {
		return 0
	}
	for i, name := range names {
		if v.text == name {
			return i
		}
	}
	v.fail("one of: "+strings.Join(names, ", "), "unknown value %q", v.text)
	return 0
}

// strings returns the texts of a list.
func (v *value) strings() []string {
	var texts []string
	for _, item := range v.items() {
		if s := item.string(); s != "" {
			texts = append(texts, s)
		}
	}
	return texts
}
