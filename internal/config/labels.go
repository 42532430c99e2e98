package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
)

const (
	maxLabels     = 16 // of one credential
	maxLabelValue = 128
	labelAdvice   = "a-z, 0-9, and . _ / - in the middle, at most 63"
)

var labelKey = regexp.MustCompile(`^[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?$`)

// marks puts what a layer says of owner and labels over what it inherits. Equal ones are one, because a million credentials
// share a few.
func (l *loader) marks(base *rotation.Marks, owner, labels *document.Value) *rotation.Marks {
	if owner == nil && labels == nil {
		return base
	}
	m := rotation.Marks{}
	if base != nil {
		m = rotation.Marks{Owner: base.Owner, Labels: maps.Clone(base.Labels)}
	}
	if owner != nil {
		m.Owner = labelText(owner)
	}
	if labels != nil && labels.Is(document.Object) {
		readLabels(labels, &m)
	}
	key := m.String()
	if key == "" {
		return nil
	}
	if one, ok := l.marked[key]; ok {
		return one
	}
	l.marked[key] = &m
	return &m
}

// keepMarks notes what a credential is filed under, where that is not what its account says.
func (l *loader) keepMarks(c *rotation.Credential, m *rotation.Marks) {
	if m == l.cfg.Accounts[c.Account].Marks {
		return
	}
	if kept, ok := l.cfg.Credential(c.ID); ok {
		l.cfg.marks[kept.ID] = m // c's own id may be cut from a line, which would stay in memory
	}
}

func readLabels(v *document.Value, m *rotation.Marks) {
	if m.Labels == nil {
		m.Labels = map[string]string{}
	}
	var seen []string
	for _, c := range v.Children() {
		switch name := c.Name(); {
		case !labelKey.MatchString(name):
			c.FailKey(labelAdvice, "is not a valid label")
		case slices.Contains(seen, name):
			c.FailKey("", "is defined twice")
		default:
			seen = append(seen, name)
			m.Labels[strings.Clone(name)] = labelText(c)
		}
	}
	if len(m.Labels) > maxLabels {
		v.Fail("", "has %d labels with those that it inherits; %d are the most", len(m.Labels), maxLabels)
	}
}

// labelText is a short text that a page and a terminal can show, and a command line can name. It keeps no line in memory.
func labelText(v *document.Value) string {
	text := v.Text()
	odd := func(c rune) bool { return !unicode.IsPrint(c) || c == ',' }
	switch {
	case text == "" && v.Kind() == document.Text:
		v.Fail("leave it out", "is empty")
	case len(text) > maxLabelValue || strings.ContainsFunc(text, odd) || strings.TrimSpace(text) != text:
		v.Fail("at most 128 bytes, printable, without a comma and without blanks at its ends", "is not a valid text for it")
	}
	return strings.Clone(text)
}
