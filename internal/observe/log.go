package observe

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"time"
)

// NewLogger writes JSON, one line per event, at level and above, each with the attributes that With put into its
// context. Characters that JSON passes through and a terminal would obey (C1 controls, direction marks) are escaped too.
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

type attrsKey struct{}

// With returns a context under which every line that is logged carries attrs, after those it carries already.
func With(ctx context.Context, attrs ...slog.Attr) context.Context {
	earlier, _ := ctx.Value(attrsKey{}).([]slog.Attr)
	return context.WithValue(ctx, attrsKey{}, slices.Concat(earlier, attrs))
}

// contextHandler adds a context's attributes to a record. One that the line gives itself is not repeated.
type contextHandler struct{ slog.Handler }

func (h contextHandler) Handle(ctx context.Context, rec slog.Record) error {
	attrs, _ := ctx.Value(attrsKey{}).([]slog.Attr)
	if len(attrs) > 0 {
		own := map[string]bool{}
		rec.Attrs(func(a slog.Attr) bool { own[a.Key] = true; return true })
		rec = rec.Clone()
		for _, a := range attrs {
			if !own[a.Key] {
				rec.AddAttrs(a)
			}
		}
	}
	return h.Handler.Handle(ctx, rec)
}

func (h contextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextHandler{h.Handler.WithAttrs(attrs)}
}

func (h contextHandler) WithGroup(name string) slog.Handler {
	return contextHandler{h.Handler.WithGroup(name)}
}
