package queue

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
)

// staff is the posts of a server while it serves: one for each account in force, and those that are on their way out.
type staff struct {
	*Server
	handler Handler
	fail    func() // ends Serve
	begun   bool   // there was an assignment before

	work sync.WaitGroup
	mu   sync.Mutex
	held map[string]*post // by account
	errs []error          // why posts could not go on
}

func newStaff(s *Server, h Handler, fail func()) *staff {
	return &staff{Server: s, handler: h, fail: fail, held: map[string]*post{}}
}

// assign makes the posts those of the accounts. It waits for none that ends.
func (s *staff) assign(ctx context.Context, accounts []AccountSettings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := make(map[string]bool, len(accounts))
	for _, a := range accounts {
		wanted[a.Name] = true
		if was := s.held[a.Name]; was == nil || was.AccountSettings != a || was.leaves {
			s.fill(ctx, a, was)
		}
	}
	for name, p := range s.held {
		if !wanted[name] && !p.leaves {
			p.leaves = true
			p.quit()
		}
	}
	s.begun = true
}

// fill begins a post, after the one that was there before.
func (s *staff) fill(ctx context.Context, a AccountSettings, before *post) {
	p := newPost(s.Server, a, s.handler)
	ctx, p.quit = context.WithCancel(ctx)
	if s.begun {
		p.ring() // at the beginning the first sweep looks at all accounts at once
	}
	s.held[a.Name] = p
	if before != nil {
		before.quit()
	}
	s.work.Go(func() {
		if before != nil {
			<-before.gone
		}
		defer close(p.gone)
		err := p.keep(ctx)
		s.leave(ctx, p, err)
	})
}

// leave notes the end of a post.
func (s *staff) leave(ctx context.Context, p *post, err error) {
	p.quit()
	s.mu.Lock()
	left := p.leaves && s.held[p.Name] == p
	if left {
		delete(s.held, p.Name)
	}
	if err != nil {
		s.errs = append(s.errs, err)
		s.fail()
	}
	s.mu.Unlock()
	if left {
		s.late.forget(p.Name)
		s.report(context.WithoutCancel(ctx), p.Name)
	}
}

// report tells of jobs that an account leaves behind when it is served no more. They stay where they are.
func (s *staff) report(ctx context.Context, account string) {
	ctx, cancel := context.WithTimeout(ctx, sweepMost)
	defer cancel()
	depths, err := s.client.Depths(ctx, account)
	jobs := 0
	for _, d := range depths {
		jobs += d.Pending + d.Active + d.Scheduled + d.Retry
	}
	switch {
	case err != nil:
		s.Log.LogAttrs(ctx, slog.LevelWarn, "an account is served no more, and what waits in its queues is not known", slog.String("account", account), slog.Any("error", err))
	case jobs > 0:
		s.Log.LogAttrs(ctx, slog.LevelWarn, "an account is served no more, and jobs wait in its queues", slog.String("account", account), slog.Int("jobs", jobs))
	default:
		s.Log.LogAttrs(ctx, slog.LevelInfo, "an account is served no more", slog.String("account", account))
	}
}

// ring has an account looked at, if it is one of them.
func (s *staff) ring(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.held[account]; p != nil {
		p.ring()
	}
}

// names are the accounts that have a post.
func (s *staff) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.held))
}

// end waits for all posts, and returns why any of them could not go on.
func (s *staff) end() error {
	s.work.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.errs...)
}
