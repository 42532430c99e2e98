package document

import (
	"strconv"
	"strings"
	"time"

	"keyturn/internal/duration"
)

// Text returns the text of v; "" is an error, because what is not wanted is left out.
func (v *Value) Text() string {
	if !v.Is(Text) {
		return ""
	}
	if v.text == "" {
		v.Fail("leave the field out, or give it a value", "is empty")
	}
	return v.text
}

// Integer returns a number from low up to high.
func (v *Value) Integer(low, high int) int {
	if !v.Is(Number) {
		return low
	}
	n, err := strconv.Atoi(v.text)
	if err != nil || n < low || n > high {
		v.Fail("", "must be a whole number from %d to %d", low, high)
		return low
	}
	return n
}

// Boolean returns true or false.
func (v *Value) Boolean() bool {
	return v.Is(Boolean) && strings.EqualFold(v.text, "true")
}

// Duration returns a positive duration such as "30d" or "1m30s".
func (v *Value) Duration() time.Duration {
	text := v.Text()
	if text == "" {
		return 0
	}
	d, err := duration.Parse(text)
	switch {
	case err != nil:
		v.Fail("", "%v", err)
	case d == 0:
		v.Fail("", "must be longer than 0")
	}
	return d
}

// DurationIn returns a duration from low up to high.
func (v *Value) DurationIn(low, high time.Duration) time.Duration {
	d := v.Duration()
	if d != 0 && (d < low || d > high) {
		v.Fail("", "must be from %v to %v", low, high)
		return 0
	}
	return d
}

// OneOf returns the index of v's text among names, or 0 after an error.
func (v *Value) OneOf(names ...string) int {
	if !v.Is(Text) {
		return 0
	}
	for i, name := range names {
		if v.text == name {
			return i
		}
	}
	v.Fail("one of: "+strings.Join(names, ", "), "unknown value %q", v.text)
	return 0
}

// Texts returns the texts of a list.
func (v *Value) Texts() []string {
	var texts []string
	for _, item := range v.Items() {
		if s := item.Text(); s != "" {
			texts = append(texts, s)
		}
	}
	return texts
}
