package operate

// The bounds that tests hold.
const (
	MaxOpen     = maxOpen
	LooksAtOnce = looksAtOnce
)

// Size sets how many credentials each account has.
func (d *Desk) Size(sizes map[string]int) { d.sizes = func() map[string]int { return sizes } }
