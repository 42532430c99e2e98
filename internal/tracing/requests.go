package tracing

import (
	"net/http"
	"strings"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Requests traces what callers ask for with other methods than GET: what only looks is no work of keyturn's. A caller that
// is known, such as a pipeline that rotates, may have its own trace go on. A nil Tracer leaves the handler as it is.
func (t *Tracer) Requests(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		default:
			next.ServeHTTP(w, r)
			return
		}
		var parent Parent
		if given := r.Header.Values("Traceparent"); len(given) == 1 { // of several, none is to be believed
			parent = ParseParent(given[0])
		}
		ctx, span := t.Begin(r.Context(), parent, Server, r.Method)
		noted := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		r = r.WithContext(ctx)
		defer func() {
			span.answers(r, noted.status)
			span.End(nil)
		}()
		next.ServeHTTP(noted, r)
	})
}

// answers says which request it was, by the pattern that it matched, and what it was answered.
func (s Span) answers(r *http.Request, status int) {
	if s.span == nil {
		return
	}
	s.set(semconv.HTTPRequestMethodKey.String(r.Method))
	s.set(semconv.HTTPResponseStatusCode(status))
	if _, route, ok := strings.Cut(r.Pattern, " "); ok {
		s.span.SetName(r.Pattern)
		s.set(semconv.HTTPRoute(route))
	}
	if status >= http.StatusInternalServerError {
		s.fail(http.StatusText(status))
	}
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
