package operate

// The bounds that tests hold.
const (
	MaxOpen     = maxOpen
	LooksAtOnce = looksAtOnce
)

// Size sets how many credentials each account has.
func (d *Desk) Size(credentials map[string]int) { d.SizeCalls(credentials, 1) }

// SizeCalls is Size where a rotation takes so many calls.
func (d *Desk) SizeCalls(credentials map[string]int, calls int) {
	sizes := map[string]size{}
	for account, n := range credentials {
		sizes[account] = size{n, n * calls}
	}
	d.sizes = func() map[string]size { return sizes }
}
