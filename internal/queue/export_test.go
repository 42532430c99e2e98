package queue

import "time"

// Hurry replaces how long a server goes on without work, and how often all accounts are looked at.
func (s *Server) Hurry(idle, sweep time.Duration) { s.idleFor, s.sweepEvery = idle, sweep }

// Swept tells whether all accounts have been looked at since it began to serve.
func (s *Server) Swept() bool { return s.paused.Load() != nil }
