package declared

import (
	"encoding/json"
	"encoding/xml"
	"maps"
	"strconv"
	"strings"
)

// List is the answer of an example to list, taken apart at its items: Item is one of them, and Between stands between two.
type List struct {
	Whole Answer

	Before, Item, Between, After string

	ID, Label string // of the identity that is Item; the label is "" where identities have none
}

// List takes apart the first example of a list that shows an identity. ok is false if there is none, or if it is written in
// another way than lists are.
func (d *Description) List() (apart List, ok bool) {
	for _, told := range d.examples.answers {
		if told.call != CallList || len(told.lists) == 0 {
			continue
		}
		root, err := d.listing.answer.decode([]byte(told.body))
		if err != nil {
			continue
		}
		cut := cutJSON
		if d.listing.answer.repeats {
			cut = cutXML
		}
		trees, _ := d.listing.found(root)
		apart, items := cut(told.body, d.listing.items)
		for i, item := range trees {
			if id := one(item, d.listing.id); id == told.lists[0] && i < len(items) {
				apart.Whole = Answer{Status: told.status, Header: maps.Clone(told.headers), Body: told.body, Success: true}
				apart.Item, apart.ID, apart.Label = items[i], id, one(item, d.listing.label)
				return apart, true
			}
		}
	}
	return List{}, false
}

// cutJSON takes a document apart at the items of the list at a path.
func cutJSON(text string, at path) (apart List, items []string) {
	d := json.NewDecoder(strings.NewReader(text))
	for _, name := range at {
		if !enter(d, name) {
			return apart, nil
		}
	}
	var list json.RawMessage
	if d.Decode(&list) != nil {
		return apart, nil
	}
	var all []json.RawMessage
	if json.Unmarshal(list, &all) != nil {
		return apart, nil
	}
	for _, item := range all {
		items = append(items, string(item))
	}
	end := int(d.InputOffset())
	return List{Before: text[:end-len(list)] + "[", Between: ", ", After: "]" + text[end:]}, items
}

// enter reads up to the value of a name or a place in what comes next.
func enter(d *json.Decoder, name string) bool {
	token, err := d.Token()
	if err != nil {
		return false
	}
	for i := 0; d.More(); i++ {
		key := strconv.Itoa(i)
		if token == json.Delim('{') {
			member, err := d.Token()
			if err != nil {
				return false
			}
			key, _ = member.(string)
		}
		if key == name {
			return true
		}
		var other json.RawMessage
		if d.Decode(&other) != nil {
			return false
		}
	}
	return false
}

// cutXML takes a document apart at the elements of a path.
func cutXML(text string, at path) (apart List, items []string) {
	d := xml.NewDecoder(strings.NewReader(text))
	var inside path
	first, end := 0, 0
	for {
		start := int(d.InputOffset())
		token, err := d.Token()
		if err != nil {
			return List{Before: text[:first], After: text[end:]}, items
		}
		switch token := token.(type) {
		case xml.StartElement:
			inside = append(inside, token.Name.Local)
			if strings.Join(inside, ".") != strings.Join(at, ".") {
				continue
			}
			if d.Skip() != nil {
				return apart, nil
			}
			if inside, end = inside[:len(inside)-1], int(d.InputOffset()); items == nil {
				first = start
			}
			items = append(items, text[start:end])
		case xml.EndElement:
			inside = inside[:len(inside)-1]
		}
	}
}
