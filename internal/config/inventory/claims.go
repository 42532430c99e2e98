package inventory

import "keyturn/internal/rotation"

// Claims tells which credential has something that no two may have, such as a place in Vault.
type Claims struct {
	of      *Inventory
	holders index
}

// Claims returns the claims of one sort, none at first.
func (b *Builder) Claims() *Claims { return &Claims{of: b.made} }

// Claim claims a thing, which is called name within scope, for the credential of a number. Where another credential has it,
// Claim returns the entry of that one. same tells whether a credential has the thing.
func (c *Claims) Claim(name, scope string, number uint32, same func(*rotation.Credential) bool) (taken *Entry) {
	h := hashOf(name, scope)
	if i, found := c.holders.find(h, func(i uint32) bool { return same(c.of.at(i).Credential) }); found {
		return c.of.at(i)
	}
	c.holders.insert(h, number)
	return nil
}
