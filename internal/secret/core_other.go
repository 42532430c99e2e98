//go:build !unix

package secret

// ForbidCore does nothing: there are no core files here.
func ForbidCore() error { return nil }
