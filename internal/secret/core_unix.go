//go:build unix

package secret

import "syscall"

// ForbidCore keeps this process, and those that it starts, from leaving a core file when they crash: their memory is
// full of secrets. It needs no privileges and cannot be undone.
func ForbidCore() error { return syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) }
