package fleetsim

import (
	"fmt"
	"slices"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// wishes are what people ask for: a rotation at any time.
func (s *Sim) wishes() {
	for n := uint64(1); ; n++ {
		if sleep(s.ctx, s.between(time.Hour, 11*time.Hour, "ops", "demand", n)) != nil {
			return
		}
		if s.noWrites() {
			continue
		}
		c := s.order[s.below(len(s.order), "ops", "whom", n)]
		if _, known := s.config.Load().Credential(c.cred.ID); known {
			s.queue.demand(c)
		}
	}
}

// killOne kills a worker or a scheduler.
func (s *Sim) killOne(worker bool, at time.Time) {
	s.mu.Lock()
	var alive []string
	for name, p := range s.processes {
		if p.worker == worker && !p.dead.Load() && name != operator && name != witness {
			alive = append(alive, name)
		}
	}
	s.mu.Unlock()
	if len(alive) == 0 {
		return
	}
	slices.Sort(alive)
	s.process(alive[s.below(len(alive), "kill", "whom", uint64(at.UnixNano()))]).kill("SIGKILL")
}

// reload has all processes read the configuration again: without every twentieth credential, or with all of them.
func (s *Sim) reload(less bool) {
	next := s.whole
	if less {
		n := s.again("reload", "")
		var creds []*rotation.Credential
		for i, c := range s.order {
			if s.below(20, c.cred.ID, "removed", n) > 0 {
				creds = append(creds, s.whole.creds[i])
			}
		}
		next = newInventory(fmt.Sprint("less ", n), creds)
	}
	before := s.config.Swap(next)
	for _, c := range s.order {
		_, had := before.ids[c.cred.ID]
		_, has := next.ids[c.cred.ID]
		if had != has {
			s.span(c.cred.ID, !has)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, use := range s.reloads {
		s.running.Go(func() {
			if s.pass(s.ctx, time.Second, 30*time.Second, name, "reload") == nil {
				use(s.config.Load())
			}
		})
	}
}

// changeByHand does what a person does at the provider's console.
func (c *cell) changeByHand() {
	c.ChangeByHand(secret.New(fmt.Sprint("by hand ", c.again(c.cred.ID, "by hand"))))
	c.changed()
}
