package inventory

import (
	"strings"

	"keyturn/internal/rotation"
)

// Builder fills an inventory. It is dropped when the inventory is complete.
type Builder struct {
	made   *Inventory
	before *Inventory
	same   comparison // with before
}

// Fill returns a Builder that adds to an empty inventory. before is the inventory that the new one will replace.
func Fill(empty, before *Inventory) *Builder {
	return &Builder{made: empty, before: before, same: newComparison()}
}

// Add adds a credential, which must be complete, and returns its number. Where its id is taken it adds nothing and returns
// the entry that has the id.
func (b *Builder) Add(c rotation.Credential, file, line uint32) (number uint32, taken *Entry) {
	h := hashOf(c.ID, "")
	if other, found := b.made.byHash(h, c.ID); found {
		return 0, other
	}
	number = b.made.push(Entry{Credential: b.share(h, &c), File: file, Line: line})
	b.made.ids.insert(h, number)
	return number, nil
}

// share returns c to keep. What the inventory before holds of it already is used again, because both are in memory until
// the new one is in force.
func (b *Builder) share(idHash uint32, c *rotation.Credential) *rotation.Credential {
	was, ok := b.before.byHash(idHash, c.ID)
	switch {
	case ok && b.same.credentials(was.Credential, c):
		return was.Credential
	case ok && was.Target == c.Target && was.Place.Path == c.Place.Path && was.Username == c.Username:
		c.ID, c.Target, c.Place.Path, c.Username = was.ID, was.Target, was.Place.Path, was.Username
	default:
		compact(c)
	}
	kept := *c
	return &kept
}

// compact moves the texts of c that are its own into one block, away from the line that they were cut from: a million
// lines would stay in memory otherwise.
func compact(c *rotation.Credential) {
	username := c.Username
	if username == c.Target {
		username = ""
	}
	block := strings.Join([]string{c.ID, c.Target, c.Place.Path, username}, "")
	take := func(s string) string {
		part := block[:len(s)]
		block = block[len(s):]
		return part
	}
	c.ID, c.Target, c.Place.Path = take(c.ID), take(c.Target), take(c.Place.Path)
	if username != "" {
		c.Username = take(username)
	} else if c.Username != "" {
		c.Username = c.Target
	}
}
