package vaultkv

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// textOf returns one field of a secret as text, "" if it is missing.
func textOf(data json.RawMessage, name string) (string, error) {
	var all fields
	if err := json.Unmarshal(data, &all); err != nil {
		return "", errAnswer // the cause may quote a value
	}
	r := reader{fields: all}
	return r.text(name), r.err
}

// reader reads fields and keeps the first error, which names the field and never its value. It does not guess what a
// person meant who edited a field by hand: a field that cannot be read stops the rotation instead of counting as empty.
type reader struct {
	fields fields
	err    error
}

// text reads a string, or a number as it is spelled.
func (r *reader) text(name string) string {
	raw, ok := r.fields[name]
	if !ok || string(raw) == "null" {
		return ""
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var number json.Number
	if json.Unmarshal(raw, &number) == nil {
		return number.String()
	}
	r.fail(name, "a string")
	return ""
}

func (r *reader) number(name string) int {
	text := r.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		r.fail(name, "a number")
	}
	return n
}

func (r *reader) time(name string) time.Time {
	text := r.text(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		r.fail(name, "a time as in RFC 3339")
	}
	return t
}

func (r *reader) fail(name, want string) {
	if r.err == nil {
		r.err = fmt.Errorf("field %q is not %s", name, want)
	}
}
