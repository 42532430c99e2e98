package document

// Findings are errors and warnings as data, for editors and CI. They hold no secret.
type Findings struct {
	Total    int       `json:"total_errors"` // those that are left out of Errors too
	Errors   []Finding `json:"errors"`
	Warnings []Finding `json:"warnings"`
}

// Severity is how bad a Finding is.
type Severity string

// The severities. A warning is about what is legal but surely not meant.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Finding is one error or warning, with its place where it has one.
type Finding struct {
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"`
	Column   int      `json:"column,omitempty"`
	Field    string   `json:"field,omitempty"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"`

	Placed *Error `json:"-"` // nil where it has no place
}

// Warn adds warnings.
func (f *Findings) Warn(list []*Error) {
	for _, e := range list {
		f.Warnings = append(f.Warnings, placed(e, SeverityWarning))
	}
}

// Note adds an error, or those that it joins.
func (f *Findings) Note(err error) {
	switch err := err.(type) { //nolint:errorlint // each layer is looked at, not what it wraps
	case nil:
	case *Errors:
		for _, e := range err.List {
			f.Errors = append(f.Errors, placed(e, SeverityError))
		}
		f.Total += err.Total
		f.Warn(err.Warnings)
	case *Error:
		f.Errors = append(f.Errors, placed(err, SeverityError))
		f.Total++
	case interface{ Unwrap() []error }:
		for _, part := range err.Unwrap() {
			f.Note(part)
		}
	default:
		f.Errors = append(f.Errors, Finding{Severity: SeverityError, Message: err.Error()})
		f.Total++
	}
}

func placed(e *Error, severity Severity) Finding {
	return Finding{
		File: e.File, Line: e.Line, Column: e.Column, Field: e.Field, Severity: severity, Message: e.Message, Hint: e.Hint, Placed: e,
	}
}
