// Package redisx is keyturn's side of Redis: the connection, tuned so that an outage of seconds runs nothing twice
// (dial.go, handshake.go, reconnect.go), and the names of all keys (keys.go). What the keys hold, the packages say that
// write them.
package redisx
