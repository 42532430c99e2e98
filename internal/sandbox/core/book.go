package core

import (
	"maps"
	"sync"
	"time"
)

// mailsADay is how many confirmation mails an address gets in a day (UTC) by default.
const mailsADay = 10

// Contact is the state of one address.
type Contact struct {
	Mailed bool   `json:"mailed"` // has been mailed before
	Day    string `json:"day"`    // the day, in UTC, that Mails counts
	Mails  int    `json:"mails"`
	Limit  int    `json:"limit"` // mails a day
}

// Book keeps the contacts of a stand-in that mails addresses and knows no passwords. Addresses that it does not know are new ones.
type Book struct {
	code  string
	now   func() time.Time
	store *store

	mu       sync.Mutex
	contacts map[string]Contact
}

// Mailing says what became of a request to mail an address.
type Mailing int

// The results of a mailing.
const (
	Mailed       Mailing = iota // a mail was sent
	NoneLeft                    // the address has had its mails of today
	MailedBefore                // and was not to be mailed again
)

// Mail mails one address, if it may.
func (b *Book) Mail(address string, again bool) (Mailing, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, known := b.contacts[address]
	if !known {
		c.Limit = mailsADay
	}
	if today := b.now().UTC().Format(time.DateOnly); c.Day != today {
		c.Day, c.Mails = today, 0
	}
	switch {
	case c.Mailed && !again:
		return MailedBefore, nil
	case c.Mails >= c.Limit:
		return NoneLeft, nil
	}
	c.Mailed = true
	c.Mails++
	b.contacts[address] = c
	return Mailed, b.store.put(stored{Provider: b.code, Target: address, Contact: &c})
}

// add makes contacts known that were not, and returns how many.
func (b *Book) add(targets ...Target) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var writes []stored
	for _, t := range targets {
		if _, known := b.contacts[t.Target]; known {
			continue
		}
		c := Contact{Mailed: t.Mailed, Limit: t.MailsADay}
		if c.Limit == 0 {
			c.Limit = mailsADay
		}
		b.contacts[t.Target] = c
		writes = append(writes, stored{Provider: b.code, Target: t.Target, Contact: &c})
	}
	return len(writes), b.store.put(writes...)
}

func (b *Book) restore(address string, c Contact) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.contacts[address] = c
}

func (b *Book) list() map[string]Contact {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.contacts)
}

func (b *Book) reset() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var writes []stored
	for address := range b.contacts {
		writes = append(writes, stored{Provider: b.code, Target: address})
	}
	clear(b.contacts)
	return b.store.put(writes...)
}
