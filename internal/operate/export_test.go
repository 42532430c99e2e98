package operate

// The bounds that tests hold.
const (
	MaxOpen     = maxOpen
	LooksAtOnce = looksAtOnce
)
