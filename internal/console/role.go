package console

import (
	"crypto/sha256"
	"fmt"
)

// Role is what a caller may do; each may do what those before it may.
type Role int

// The roles. The zero Role may do nothing.
const (
	None     Role = iota
	Viewer        // looks
	Operator      // asks for rotations, checks and what ends by itself
	Admin         // also for what forgets passwords
)

var roleNames = [...]string{None: "none", Viewer: "viewer", Operator: "operator", Admin: "admin"}

// String is the name that the configuration has.
func (r Role) String() string {
	if r < None || r > Admin {
		return fmt.Sprintf("role %d", int(r))
	}
	return roleNames[r]
}

// RoleOf is the role of a name; None if there is no such role.
func RoleOf(name string) Role {
	for r, known := range roleNames {
		if known == name {
			return Role(r)
		}
	}
	return None
}

// Digest is the SHA-256 of a token. The tokens themselves are kept nowhere.
type Digest [sha256.Size]byte

// Caller is who asks.
type Caller struct {
	Name    string // of the token, or of the person
	Subject string // identifies a person at the issuer; "" of a token
	Role    Role
	From    string // address of the connection

	id   string // no two tokens or persons have the same
	csrf string // of the session; "" where the token came with the request
}

// Acts tells whether the caller may do more than look, and by a form of a page.
func (c *Caller) Acts() bool { return c.Role >= Operator && c.csrf != "" }

// By is how a caller is named in events and jobs. A person who is called as a token is does not pass for it there.
func (c *Caller) By() string {
	if c.Subject != "" {
		return "oidc:" + c.Name + "@console"
	}
	return c.Name + "@console"
}
