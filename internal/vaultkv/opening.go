package vaultkv

import (
	"context"
	"hash/maphash"
	"sync"

	"keyturn/internal/rotation"
)

// opens reports whether rec is an opening write: no call has been made for it yet. Later writes are never held up,
// because they may be the only copy of a password that a provider has taken or shown.
func opens(rec *rotation.Record) bool {
	if rec.State != rotation.Open || rec.Doubted || rec.LostGenerations > 0 {
		return false
	}
	for _, c := range rec.Candidates {
		if c.Sends > 0 || (c.State != rotation.Staged && c.State != rotation.Intent) {
			return false
		}
	}
	return len(rec.Candidates) == 1
}

// mayOpen asks, before the first call for a credential, whether its password could be written to where consumers read
// it. If this came out only at the promotion, the provider would have the new password and consumers the old one.
func (v *Vault) mayOpen(ctx context.Context, cred *rotation.Credential, rec *rotation.Record) error {
	place := rec.Place
	if place == (rotation.Place{}) {
		place = cred.Place
	}
	s, path, err := v.place(place)
	if err != nil {
		return err
	}
	return s.permits.ask(ctx, path)
}

// permits remembers which paths the token may write: it asks once per login and path. It asks about a missing right each
// time, because a person may have granted it.
type permits struct {
	store *store
	turn  chan struct{} // holds one value while a question is under way
	seed  maphash.Seed

	mu    sync.Mutex
	login int64               // whose token known is about
	known map[uint64]struct{} // hashes, because there may be a million
	next  *question           // collects paths until it is asked; nil if no call waits
}

// question asks about the paths of all calls that came while the question before was under way.
type question struct {
	rights []right
	done   chan struct{}
	has    map[string][]string // once done is closed
	err    error
}

func newPermits(s *store) *permits {
	return &permits{store: s, turn: make(chan struct{}, 1), seed: maphash.MakeSeed()}
}

func (p *permits) ask(ctx context.Context, path string) error {
	r := right{path, ReadWrite.needs()}
	q := p.join(ctx, r)
	if q == nil {
		return nil
	}
	select {
	case <-q.done:
	case <-ctx.Done():
		return explain(p.store.name, opRead, path, ctx.Err())
	}
	if q.err != nil {
		return q.err
	}
	if _, told := q.has[path]; !told {
		return nil // not Vault's own answer, which names every path: the write itself will tell
	}
	return p.store.lack(r, q.has)
}

// join returns the question that asks for r, nil where the answer is known.
func (p *permits) join(ctx context.Context, r right) *question {
	p.mu.Lock()
	defer p.mu.Unlock()
	login, _ := p.store.session.newest()
	if _, ok := p.known[p.hash(r.path)]; ok && login == p.login {
		return nil
	}
	if q := p.next; q != nil && len(q.rights) < pathsPerQuestion {
		q.rights = append(q.rights, r)
		return q
	}
	q := &question{rights: []right{r}, done: make(chan struct{})}
	p.next = q
	// Others may wait for it when the one that began it is gone. The store's time limit ends it.
	go p.put(context.WithoutCancel(ctx), q)
	return q
}

func (p *permits) hash(path string) uint64 { return maphash.String(p.seed, path) }

// put puts q to Vault, after the question before.
func (p *permits) put(ctx context.Context, q *question) {
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	p.mu.Lock()
	if p.next == q {
		p.next = nil
	}
	p.mu.Unlock()
	defer close(q.done)
	if _, q.err = p.store.session.ensure(ctx, 0); q.err != nil {
		return
	}
	login, _ := p.store.session.newest()
	if q.has, q.err = p.store.capabilities(ctx, q.rights); q.err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if login != p.login || p.known == nil {
		p.login, p.known = login, make(map[uint64]struct{})
	}
	for _, r := range q.rights {
		if p.store.lack(r, q.has) == nil {
			p.known[p.hash(r.path)] = struct{}{}
		}
	}
}
