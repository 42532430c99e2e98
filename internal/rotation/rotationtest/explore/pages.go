package explore

// pageLen is how many values stand on one page.
const pageLen = 1 << 12

// pages is a list that grows without being copied: a copy of tens of millions of values would need the memory twice.
type pages[V any] struct {
	all [][]V
	len int32
}

// add appends a value and returns its place. Pointers to earlier values stay valid.
func (p *pages[V]) add(value V) int32 {
	if p.len%pageLen == 0 {
		p.all = append(p.all, make([]V, 0, pageLen))
	}
	last := &p.all[len(p.all)-1]
	*last = append(*last, value)
	p.len++
	return p.len - 1
}

func (p *pages[V]) at(place int32) *V { return &p.all[place/pageLen][place%pageLen] }
