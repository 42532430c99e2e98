package console

import "net"

// Crowd is a listener that lets in at most most connections of one address.
func Crowd(l net.Listener, most int, full func(from string)) net.Listener {
	return newCrowd(l, most, full)
}
