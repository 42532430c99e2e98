package vaultkv

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// fill sets every field of a value to something that is not zero, so that a field which rotation.Record gains and the
// stored form lacks cannot be forgotten.
func fill(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(1700000000, 123456789).UTC()))
		return
	case secret.Value:
		v.Set(reflect.ValueOf(secret.New("value of " + path)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("text of " + path)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"field of " + path: "its text"}))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), path)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(t, v.Index(i), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	default:
		t.Fatalf("%s has a kind that this test does not know: %s", path, v.Kind())
	}
}

func roundTrip(t *testing.T, rec rotation.Record) rotation.Record {
	t.Helper()
	j, err := newJournal(&rec)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeJournal(text)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTheJournalKeepsEveryFieldOfARecord(t *testing.T) {
	t.Parallel()
	var rec rotation.Record
	fill(t, reflect.ValueOf(&rec).Elem(), "record")
	rec.Version, rec.Schema = 0, rotation.Schema // Vault's own number, and this program's
	if got := roundTrip(t, rec); !reflect.DeepEqual(got, rec) {
		t.Errorf("record %+v, want %+v", got, rec)
	}
}

func TestTheJournalKeepsEveryState(t *testing.T) {
	t.Parallel()
	for state := rotation.Closed; state <= rotation.Quarantined; state++ {
		if got := roundTrip(t, rotation.Record{State: state}); got.State != state {
			t.Errorf("state %d came back as %d", state, got.State)
		}
	}
	for state := rotation.Staged; state <= rotation.RefusedByRule; state++ {
		rec := rotation.Record{Candidates: []rotation.Candidate{{Number: 1, State: state}}}
		if got := roundTrip(t, rec); got.Candidates[0].State != state {
			t.Errorf("candidate's state %d came back as %d", state, got.Candidates[0].State)
		}
	}
	for _, rec := range []rotation.Record{{State: -1}, {State: rotation.Quarantined + 1}, {Candidates: make([]rotation.Candidate, 1)}} {
		if _, err := newJournal(&rec); err == nil {
			t.Errorf("record %+v was stored, although one of its states has no name", rec)
		}
	}
}

func TestAJournalOfANewerSchemaIsRecognisedWhateverItsForm(t *testing.T) {
	t.Parallel()
	for text, schema := range map[string]int{
		fmt.Sprintf(`{"schema":%d,"state":"open"}`, rotation.Schema+1):             rotation.Schema + 1,
		`{"schema":99,"state":"open"}`:                                             99,
		`{"state":{"phase":7},"candidates":"elsewhere","slot":"noon","schema":99}`: 99,
	} {
		rec, err := decodeJournal(json.RawMessage(text))
		if !errors.Is(err, rotation.ErrNewerSchema) || rec.Schema != schema {
			t.Errorf("%s: schema %d, error %v; want %d and ErrNewerSchema", text, rec.Schema, err, schema)
		}
	}
}

func TestAJournalThatKeyturnDidNotWriteIsNoClosedOne(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{}`, `{"schema":0}`, `{"schema":1}`, `{"schema":1,"state":"canary"}`, `{"schema":1,"state":7}`,
		`{"schema":1,"state":"open","candidates":[{"value":"canary"}]}`, `[]`, `"canary"`,
	} {
		_, err := decodeJournal(json.RawMessage(text))
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: error %v, want one without its contents", text, err)
		}
	}
}

func FuzzDecodeJournal(f *testing.F) {
	f.Add([]byte(`{"schema":1,"state":"open","candidates":[{"number":1,"value":"v","state":"staged"}]}`))
	f.Add([]byte(`{"schema":2}`))
	f.Add([]byte(`{"schema":1,"state":"closed","slot":"2026-01-02T03:04:05Z"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		rec, err := decodeJournal(text)
		if err != nil {
			return
		}
		j, err := newJournal(&rec)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := j.record()
		if err != nil || !reflect.DeepEqual(again, rec) {
			t.Fatalf("%+v came back as %+v, %v", rec, again, err)
		}
	})
}

// TestAJournalOfAnEarlierSchemaIsStillRead reads records as earlier versions of keyturn left them in Vault.
func TestAJournalOfAnEarlierSchemaIsStillRead(t *testing.T) {
	t.Parallel()
	at := func(second int) time.Time { return time.Date(2026, 10, 1, 2, 0, second, 0, time.UTC) }
	v1 := rotation.Record{
		Schema: 1, State: rotation.Open, RotationID: "0198f7a0-0000-7000-8000-000000000001", Slot: at(0), Reason: rotation.ReasonScheduled,
		Attempt: 2, Owner: "worker-1/7", OpenedAt: at(1), TouchedAt: at(17), Target: "alerts@example.com",
		Username: "alerts@example.com", Login: "alerts@example.com", Place: rotation.Place{Store: "main", Path: "mail/alerts"},
		BaseVersion: 4, Policy: "fingerprint", Doubted: true,
		Candidates: []rotation.Candidate{{Number: 1, Value: secret.New("not-a-real-one-1"), State: rotation.Doubtful, At: at(1)}},
		LastError:  &rotation.Refusal{Kind: "in doubt", Code: "HTTP 503", RequestID: "r-1", At: at(5)},
	}
	v2 := v1
	v2.Schema, v2.RequestedBy, v2.Account, v2.Mode = 2, "ann@host", "acme", rotation.ModeSetter
	v2.BasePassword, v2.RecheckAt, v2.Repairs = secret.New("not-a-real-one-0"), at(30), 1
	v3 := v2
	v3.Schema, v3.Strategy, v3.Fields = 3, rotation.StrategyPair, map[string]string{"from": "alerts@example.com"}
	v3.BaseTarget, v3.BaseLogin, v3.QuietAt = "news@example.com", "news", at(40)
	v4 := v2
	v4.Schema, v4.Strategy, v4.Mode = 4, rotation.StrategyOverlap, rotation.ModeIssuer
	v4.Candidates = []rotation.Candidate{{
		Number: 1, Value: secret.New("not-a-real-one-1"), ID: "kt-8c1f20a94e-7d3a9b01-1", Login: "kt-1@example.com", State: rotation.Accepted, At: at(1),
	}}
	v4.Identities = rotation.Identities{
		Account: "acme", Target: "example.com", Owner: "8c1f20a94e", Grace: 24 * time.Hour, Used: "kt-8c1f20a94e-11223344-1", UsedAccount: "acme", UsedTarget: "example.com", Kept: []string{"by-hand"},
		Retire: []rotation.Retiring{{ID: "kt-8c1f20a94e-00112233-1", Account: "acme", Target: "example.com", NotBefore: at(50)}},
	}
	v5 := v4
	v5.Schema = 5
	v5.Identities.Retire = []rotation.Retiring{
		{ID: "AKID-1", Account: "acme", Target: "example.com", Phase: rotation.Disabled, NotBefore: at(50)},
		{ID: "AKID-2", Account: "acme", Target: "example.com", Phase: rotation.Unused, NotBefore: at(50)},
		{ID: "AKID-3", Account: "acme", Target: "example.com", Phase: rotation.Disabling, NotBefore: at(50)},
	}
	for name, want := range map[string]rotation.Record{
		"journal-v1.json": v1, "journal-v2.json": v2, "journal-v3.json": v3, "journal-v4.json": v4, "journal-v5.json": v5,
	} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeJournal(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v (%v)\nwant %+v", name, got, err, want)
		}
	}
}
