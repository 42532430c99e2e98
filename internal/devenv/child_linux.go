package devenv

import "syscall"

// childAttributes puts a child into a process group of its own, so that Ctrl-C at the terminal reaches only the
// parent, which ends its children in order; and lets the kernel kill it if the parent dies without doing so.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
