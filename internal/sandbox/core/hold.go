package core

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Held is a reply that is being held back, as GET /holds shows it.
type Held struct {
	ID       int       `json:"id"`
	Provider string    `json:"provider"`
	Target   string    `json:"target"`
	Op       string    `json:"op"`
	When     When      `json:"when"`
	Remote   string    `json:"remote"` // the client's host:port
	Since    time.Time `json:"since"`
}

// holds are the replies that wait for a release.
type holds struct {
	mu       sync.Mutex
	lastID   int
	held     map[int]Held
	released map[int]chan struct{}
}

func newHolds() *holds {
	return &holds{held: map[int]Held{}, released: map[int]chan struct{}{}}
}

// begin lists a reply as held. The channel closes when it is released; end takes it off the list.
func (h *holds) begin(held Held) (released <-chan struct{}, end func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastID++
	held.ID = h.lastID
	free := make(chan struct{})
	h.held[held.ID], h.released[held.ID] = held, free
	return free, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.held, held.ID)
		delete(h.released, held.ID)
	}
}

// release lets go of what matches; "" matches everything. It returns how many that were.
func (h *holds) release(provider, target string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for id, free := range h.released {
		held := h.held[id]
		if (provider == "" || provider == held.Provider) && (target == "" || target == held.Target) {
			close(free)
			delete(h.released, id)
			n++
		}
	}
	return n
}

func (h *holds) list() []Held {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := slices.Collect(maps.Values(h.held))
	slices.SortFunc(list, func(a, b Held) int { return a.ID - b.ID })
	return list
}
