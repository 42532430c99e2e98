package contacts_test

import (
	"errors"
	"testing"

	"keyturn/internal/contacts"
)

func TestLostNotesCostOneMoreQuestion(t *testing.T) {
	t.Parallel()
	m := newMailer()
	at := slot(m.World)
	m.run(at, good, bad)
	m.notes = nil
	delete(m.answers, bad)
	if result := m.run(at, good, bad); result.Status != contacts.Done {
		t.Errorf("got %+v", result)
	}
	same(t, m.lastAsked(t, 2), good, bad)
}

func TestNoContactIsAskedWhereTheNotesCannotBeRead(t *testing.T) {
	t.Parallel()
	m := newMailer()
	m.load = errors.New("redis is away")
	if result := m.run(slot(m.World), good); result.Status != contacts.Failed || !errors.Is(result.Err, m.load) || len(m.asked) != 0 {
		t.Errorf("got %+v, asked %v", result, m.asked)
	}
}

func TestNotesThatCannotBeWrittenBringTheJobBack(t *testing.T) {
	t.Parallel()
	m := newMailer()
	m.save = errors.New("redis is away")
	if result := m.run(slot(m.World), good); result.Status != contacts.Failed || !errors.Is(result.Err, m.save) {
		t.Errorf("got %+v", result)
	}
}

func TestNotesOfAddressesThatAreGoneAreDropped(t *testing.T) {
	t.Parallel()
	m := newMailer()
	m.run(slot(m.World), good, bad)
	m.run(slot(m.World), good)
	if _, kept := m.notes[bad]; kept {
		t.Errorf("noted %+v", m.notes)
	}
}
