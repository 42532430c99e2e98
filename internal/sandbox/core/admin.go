package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
)

// maxBulk bounds how many targets one POST /targets may make of a pattern.
const maxBulk = 1_000_000

// admin is the admin API, a thin layer over the methods of Server.
func (s *Server) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]string{"status": "ok"}) })
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.ready) })
	mux.HandleFunc("GET /ca.pem", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-pem-file")
		_, _ = w.Write(s.ca.pem()) // the client may be gone
	})
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"providers": s.State()})
	})
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"providers": s.Stats()})
	})
	mux.HandleFunc("DELETE /stats", func(w http.ResponseWriter, _ *http.Request) { s.ResetStats(); w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"faults": s.Faults()})
	})
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) { s.ClearFaults(); w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /faults", s.postFaults)
	mux.HandleFunc("GET /holds", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"holds": s.Holds()})
	})
	mux.HandleFunc("POST /release", s.postRelease)
	mux.HandleFunc("POST /password", s.postPassword)
	mux.HandleFunc("POST /targets", s.postTargets)
	mux.HandleFunc("POST /reset", func(w http.ResponseWriter, _ *http.Request) { answer(w, nil, s.Reset()) })
	return mux
}

// postFaults takes one fault or a list.
func (s *Server) postFaults(w http.ResponseWriter, r *http.Request) {
	var raw json.RawMessage
	if !read(w, r, &raw) {
		return
	}
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) {
		raw = append(append([]byte("["), raw...), ']')
	}
	var faults []Fault
	err := strict(raw, &faults)
	if err == nil {
		faults, err = s.AddFaults(faults...)
	}
	answer(w, map[string]any{"faults": faults}, err)
}

func (s *Server) postRelease(w http.ResponseWriter, r *http.Request) {
	var in struct{ Provider, Target string }
	if r.ContentLength != 0 && !read(w, r, &in) {
		return
	}
	writeJSON(w, map[string]int{"released": s.Release(in.Provider, in.Target)})
}

func (s *Server) postPassword(w http.ResponseWriter, r *http.Request) {
	var in struct{ Provider, Target, Password string }
	if !read(w, r, &in) {
		return
	}
	if in.Password == "" {
		answer(w, nil, errors.New("password is missing"))
		return
	}
	answer(w, nil, s.SetPassword(in.Provider, in.Target, in.Password))
}

// bulk asks for many targets of one pattern: one number verb (%d, %012d) in target, and in username if there is one.
type bulk struct {
	Target   string `json:"target"`
	Username string `json:"username"`
	From     int    `json:"from"`
	Count    int    `json:"count"`
}

func (s *Server) postTargets(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Provider string   `json:"provider"`
		Targets  []Target `json:"targets"`
		Pattern  *bulk    `json:"pattern"`
	}
	if !read(w, r, &in) {
		return
	}
	targets := in.Targets
	if in.Pattern != nil {
		more, err := in.Pattern.expand()
		if err != nil {
			answer(w, nil, err)
			return
		}
		targets = append(targets, more...)
	}
	n, err := s.AddTargets(in.Provider, targets...)
	answer(w, map[string]int{"added": n}, err)
}

var numberVerb = regexp.MustCompile(`^[^%]*%0?[0-9]{0,2}d[^%]*$`)

func (b bulk) expand() ([]Target, error) {
	if !numberVerb.MatchString(b.Target) || (b.Username != "" && !numberVerb.MatchString(b.Username)) {
		return nil, errors.New("a pattern has one %d or %05d in target, and in username if there is one")
	}
	if b.Count < 1 || b.Count > maxBulk {
		return nil, fmt.Errorf("count %d is not between 1 and %d", b.Count, maxBulk)
	}
	targets := make([]Target, b.Count)
	for i := range targets {
		targets[i].Target = fmt.Sprintf(b.Target, b.From+i)
		if b.Username != "" {
			targets[i].Username = fmt.Sprintf(b.Username, b.From+i)
		}
	}
	return targets, nil
}

// maxAdminBody bounds a request to the admin API, in bytes: room for a long list of targets.
const maxAdminBody = 64 << 20

func read(w http.ResponseWriter, r *http.Request, into any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAdminBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		answer(w, nil, err)
		return false
	}
	return true
}

func strict(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

// answer writes v, or the error with a status that fits.
func answer(w http.ResponseWriter, v any, err error) {
	switch {
	case errors.Is(err, ErrUnknown):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case v == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		writeJSON(w, v)
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
