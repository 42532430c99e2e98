package console_test

import (
	"net/http"
	"slices"
	"testing"
)

func TestOnlyRequestsOfKnownCallersAreTraced(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var seen []string
	r.Around = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			seen = append(seen, req.Method+" "+req.URL.Path)
			next.ServeHTTP(w, req)
		})
	}
	h := r.Handler()
	for _, token := range []string{"", "unknown", "operator"} {
		r.serve(h, request(t, http.MethodPost, "/v1/credentials/alerts/rotate", token, ""))
		r.serve(h, request(t, http.MethodPost, "/login", token, ""))
	}
	if want := []string{"POST /v1/credentials/alerts/rotate", "POST /login"}; !slices.Equal(seen, want) {
		t.Errorf("%q, want those of the operator", seen)
	}
}
