package observe

import (
	"context"
	"io"
	"log/slog"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/tracing"
)

// NewLogger writes JSON, one line per event, at level and above. A line carries the id of the rotation that its context is
// for, as rotation_id, unless the line gives one itself; and, where its context is in a trace, trace_id and span_id. Characters that JSON passes through and a terminal would obey
// (C1 controls, direction marks) are escaped too.
func NewLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(contextHandler{slog.NewJSONHandler(NewPrintable(w), &slog.HandlerOptions{Level: level, ReplaceAttr: replace})})
}

// replace writes durations as people do, "1.804s": JSON would write nanoseconds.
func replace(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		return slog.String(a.Key, a.Value.Duration().Round(time.Millisecond).String())
	}
	return a
}

// contextHandler adds the rotation that a context is for, and the trace that it is in.
type contextHandler struct{ slog.Handler }

const rotationID = "rotation_id"

func (h contextHandler) Handle(ctx context.Context, rec slog.Record) error {
	id := rotation.IDOf(ctx)
	rec.Attrs(func(a slog.Attr) bool {
		if a.Key == rotationID {
			id = ""
		}
		return id != ""
	})
	trace, span := tracing.IDs(ctx)
	if id != "" || trace != "" {
		rec = rec.Clone()
	}
	if id != "" {
		rec.AddAttrs(slog.String(rotationID, id))
	}
	if trace != "" {
		rec.AddAttrs(slog.String("trace_id", trace), slog.String("span_id", span))
	}
	return h.Handler.Handle(ctx, rec)
}

func (h contextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextHandler{h.Handler.WithAttrs(attrs)}
}

func (h contextHandler) WithGroup(name string) slog.Handler {
	return contextHandler{h.Handler.WithGroup(name)}
}
