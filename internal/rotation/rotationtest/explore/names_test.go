package explore

import (
	"reflect"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// constant are the fields that are alike in everything that one exploration writes, and those that no run reads.
var constant = map[string]bool{
	"Record.Schema": true, "Record.Username": true, "Record.Fields": true, "Entry.Fields": true, "Record.Place": true,
	"Record.Policy": true, "Entry.CreatedAt": true, "Entry.Deleted": true, "Entry.Rest": true,
	"Record.RequestedBy": true, "Refusal.RequestID": true, "Candidate.Login": true,
}

// TestNoFieldIsForgottenWhenValuesAreToldApart holds that two records or entries which differ in a field are two values
// of the model: else a new field of the machine would be explored as if it were never written.
func TestNoFieldIsForgottenWhenValuesAreToldApart(t *testing.T) {
	t.Parallel()
	n := newNames()
	candidate, refused := rotation.Candidate{Number: 1}, rotation.Refusal{Kind: "rule"}
	record := rotation.Record{Candidates: []rotation.Candidate{candidate}, LastError: &refused}
	checkFields(t, record, func(r rotation.Record) int32 { return n.record(r) })
	checkFields(t, rotation.Entry{}, func(e rotation.Entry) int32 { return n.entry(e, 0) })
	checkFields(t, candidate, func(c rotation.Candidate) int32 {
		return n.record(rotation.Record{Candidates: []rotation.Candidate{c}})
	})
	checkFields(t, rotation.Identities{}, func(i rotation.Identities) int32 { return n.record(rotation.Record{Identities: i}) })
	checkFields(t, rotation.Retiring{}, func(w rotation.Retiring) int32 {
		return n.record(rotation.Record{Identities: rotation.Identities{Retire: []rotation.Retiring{w}}})
	})
	checkFields(t, refused, func(e rotation.Refusal) int32 { return n.record(rotation.Record{LastError: &e}) })
}

func checkFields[V any](t *testing.T, v V, id func(V) int32) {
	t.Helper()
	before, of := id(v), reflect.TypeFor[V]()
	for i := range of.NumField() {
		name := of.Name() + "." + of.Field(i).Name
		if constant[name] {
			continue
		}
		changed := v
		field := reflect.ValueOf(&changed).Elem().Field(i)
		switch now := field.Interface().(type) {
		case time.Time:
			field.Set(reflect.ValueOf(start))
		case secret.Value:
			field.Set(reflect.ValueOf(secret.New("another")))
		case []rotation.Candidate, *rotation.Refusal:
			field.SetZero()
		case rotation.Identities:
			continue // as below
		case []rotation.Retiring, []string:
			field.Set(reflect.MakeSlice(field.Type(), 1, 1))
		default:
			change(field, now)
		}
		if id(changed) == before {
			t.Errorf("%s is forgotten", name)
		}
	}
}

// change gives a field another value.
func change(field reflect.Value, now any) {
	switch field.Kind() {
	case reflect.Int, reflect.Int64:
		field.SetInt(field.Int() + 1)
	case reflect.String:
		field.SetString(field.String() + "another")
	case reflect.Bool:
		field.SetBool(!field.Bool())
	default:
		panic(now)
	}
}
