package queue

import "time"

// Hurry replaces how long a server goes on without work, and how often all accounts are looked at.
func (s *Server) Hurry(idle, sweep time.Duration) { s.idleFor, s.sweepEvery = idle, sweep }
