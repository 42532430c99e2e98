package app

import (
	"os"
	"runtime/debug"
)

// What the garbage collector keeps to while it can: a million credentials take less than half of it, so that it works
// hard only while a configuration is reloaded and two of them are in memory. Without it the heap would grow to twice
// their size.
const (
	memoryLimit        = 500_000_000 // bytes
	memoryOfCredential = 500         // bytes, where these are more in all
)

// limitMemory bounds garbage by the size of a configuration, unless GOMEMLIMIT says what there is.
func limitMemory(credentials int) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetMemoryLimit(max(memoryLimit, memoryOfCredential*int64(credentials)))
}
