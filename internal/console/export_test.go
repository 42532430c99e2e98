package console

import "net"

// Crowd is a listener that lets in at most most connections of one address.
func Crowd(l net.Listener, most int) net.Listener {
	return &crowd{Listener: l, most: most, open: map[string]int{}}
}
