package queue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"keyturn/internal/rotation"
)

// Job is one task as a Handler sees it.
type Job struct {
	rotation.Job
	Kind       Kind
	Account    string    // whose queue it came from
	Credential string    // what the payload names; whether it exists, and at this account, is for the Handler to check
	Attempt    int       // runs of this task that failed so far
	Freeze     *Freezing // of KindFreeze
}

// ErrMalformed is a payload that this program did not write.
var ErrMalformed = errors.New("malformed payload")

const (
	payloadVersion = 7    // the newest that is read
	maxPayload     = 1024 // bytes
	maxRequestedBy = 128  // bytes
	maxText        = 512  // bytes, of what became of a job
)

// payload is what a task carries. Any client that can write to Redis can write one, so nothing in it is believed.
type payload struct {
	Version     int             `json:"v"`
	Credential  string          `json:"credential"`
	Slot        time.Time       `json:"slot,omitzero"`
	Reason      rotation.Reason `json:"reason"`
	RequestedBy string          `json:"requested_by,omitempty"`
	Force       bool            `json:"force,omitempty"`  // since version 3
	Freeze      *Freezing       `json:"freeze,omitempty"` // since version 7
}

func encode(kind Kind, id string, job rotation.Job) ([]byte, error) {
	p := payload{
		Version: kind.version(), Credential: id, Slot: job.Slot.UTC(), Reason: job.Reason, RequestedBy: shorten(printable(job.RequestedBy), maxRequestedBy),
		Force: job.Force,
	}
	if p.Force {
		p.Version = max(p.Version, 3)
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

// decode reads a payload. Its errors are ErrMalformed and rotation.ErrNewerSchema, and quote nothing of it.
func decode(data []byte) (payload, error) {
	if len(data) > maxPayload {
		return payload{}, fmt.Errorf("%w: %d bytes", ErrMalformed, len(data))
	}
	var p payload
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(&p)
	if err != nil {
		// Fields that are not known here may be a newer program's.
		var bare struct {
			V int `json:"v"`
		}
		if json.Unmarshal(data, &bare) == nil {
			p.Version = bare.V
		}
	}
	if p.Version > payloadVersion {
		return payload{}, rotation.ErrNewerSchema
	}
	if err != nil {
		return payload{}, fmt.Errorf("%w: not JSON, or an unknown or mistyped field", ErrMalformed)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return payload{}, fmt.Errorf("%w: data after the end", ErrMalformed)
	}
	p.Slot = p.Slot.UTC()
	return p, p.check()
}

var reasons = []rotation.Reason{
	rotation.ReasonScheduled, rotation.ReasonDemand, rotation.ReasonResume, rotation.ReasonDrift,
	rotation.ReasonReplaced, rotation.ReasonPolicy, rotation.ReasonRecheck, rotation.ReasonRetire,
}

func (p *payload) check() error {
	switch {
	case p.Version < 1 || p.Version > payloadVersion:
		return fmt.Errorf("%w: version %d", ErrMalformed, p.Version)
	case !rotation.ValidID(p.Credential):
		return fmt.Errorf("%w: credential: %w", ErrMalformed, ErrName)
	case !slices.Contains(reasons, p.Reason):
		return fmt.Errorf("%w: unknown reason", ErrMalformed)
	case p.Force && (p.Version < 3 || p.Reason != rotation.ReasonDemand):
		return fmt.Errorf("%w: force", ErrMalformed)
	case len(p.RequestedBy) > maxRequestedBy || p.RequestedBy != printable(p.RequestedBy):
		return fmt.Errorf("%w: requested_by", ErrMalformed)
	case !p.Slot.IsZero() && (p.Slot.Year() < 2000 || p.Slot.Year() > 9999):
		return fmt.Errorf("%w: slot", ErrMalformed)
	case p.Freeze != nil && (p.Version < 7 || p.Reason != rotation.ReasonDemand):
		return fmt.Errorf("%w: freeze", ErrMalformed)
	case p.Freeze != nil:
		return p.Freeze.check()
	}
	return nil
}

// printable leaves out of s what a log line and a terminal cannot take.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}

// shorten cuts s to most bytes, after a word, and shows that it did.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	most -= len(" …")
	for !utf8.RuneStart(s[most]) {
		most--
	}
	if word := strings.LastIndexByte(s[:most+1], ' '); word > most/2 {
		most = word
	}
	return s[:most] + " …"
}
