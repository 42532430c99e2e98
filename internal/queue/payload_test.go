package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"keyturn/internal/rotation"
)

func TestAPayloadSurvivesItsJourney(t *testing.T) {
	t.Parallel()
	slot := time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC)
	for _, job := range []rotation.Job{
		{Slot: slot, Reason: rotation.ReasonScheduled},
		{Reason: rotation.ReasonResume}, // no slot
		{Slot: slot, Reason: rotation.ReasonDemand, RequestedBy: "Zoë <z@example.com>"},
	} {
		data, err := encode(KindRotate, "alerts@example.com", job)
		if err != nil {
			t.Fatal(err)
		}
		p, err := decode(data)
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		got := rotation.Job{Slot: p.Slot, Reason: p.Reason, RequestedBy: p.RequestedBy}
		if got != job || p.Credential != "alerts@example.com" {
			t.Errorf("%s became %+v", data, p)
		}
	}
}

func TestWhoAskedIsCutToWhatATerminalTakes(t *testing.T) {
	t.Parallel()
	data, err := encode(KindAbandon, "a", rotation.Job{Reason: rotation.ReasonDemand, RequestedBy: "\x1b[2J" + strings.Repeat("ü", 200) + "\n\xff"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.RequestedBy) > maxRequestedBy || strings.ContainsAny(p.RequestedBy, "\x1b\n") {
		t.Errorf("%q", p.RequestedBy)
	}
}

func TestAHostilePayloadIsMalformed(t *testing.T) {
	t.Parallel()
	for _, data := range []string{
		``, `null`, `[]`, `{`, `{}`, `{"v":0}`, `{"v":-1}`, `{"v":"1"}`, `{"v":1}`,
		`{"v":1,"credential":"a","reason":"scheduled"} {}`,
		`{"v":1,"credential":"a","reason":"scheduled","password":"x"}`,
		`{"v":1,"credential":"a","reason":"because"}`,
		`{"v":1,"credential":"../a","reason":"scheduled"}`,
		`{"v":1,"credential":"a\nb","reason":"scheduled"}`,
		`{"v":1,"credential":"a","reason":"scheduled","slot":"yesterday"}`,
		`{"v":1,"credential":"a","reason":"scheduled","slot":"0001-02-03T00:00:00Z"}`,
		`{"v":1,"credential":"a","reason":"scheduled","requested_by":"\u001b[2J"}`,
		`{"v":1,"credential":"` + strings.Repeat("a", 129) + `","reason":"scheduled"}`,
		`{"v":2}`, `{"v":2,"credential":"a","reason":"on demand","rotation":"x"}`,
		`{"v":2,"credential":"a","reason":"on demand","force":true}`, `{"v":3,"credential":"a","reason":"scheduled","force":true}`,
		`{"v":6,"credential":"a","reason":"on demand","freeze":{}}`, `{"v":7,"credential":"a","reason":"scheduled","freeze":{}}`,
		`{"v":7,"credential":"a","reason":"on demand","freeze":{"reason":"\u001b[2J"}}`, `{"v":7,"credential":"a","reason":"on demand","freeze":{"who":"x"}}`,
		`{"v":7,"pad":"` + strings.Repeat("a", maxPayload) + `"}`,
	} {
		if _, err := decode([]byte(data)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.60s: %v, want ErrMalformed", data, err)
		}
	}
	for _, data := range []string{`{"v":8}`, `{"v":9,"credential":{"new":"shape"}}`} {
		if _, err := decode([]byte(data)); !errors.Is(err, rotation.ErrNewerSchema) {
			t.Errorf("%s: %v, want ErrNewerSchema", data, err)
		}
	}
}

// TestPayloadsOfEveryVersionAreRead reads what programs of every version wrote. A file is named by version and kind, and never
// changes; what is written today is the same byte for byte.
func TestPayloadsOfEveryVersionAreRead(t *testing.T) {
	t.Parallel()
	slot := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	want := map[Kind]rotation.Job{
		KindRotate:   {Slot: slot, Reason: rotation.ReasonScheduled},
		KindCheck:    {Slot: slot, Reason: rotation.ReasonDemand, RequestedBy: "ann@host"},
		KindRetire:   {Slot: slot, Reason: rotation.ReasonRetire},
		KindHold:     {Slot: slot, Reason: rotation.ReasonDemand, RequestedBy: "ann@host"},
		KindContacts: {Slot: slot, Reason: rotation.ReasonScheduled},
		KindTell:     {Reason: rotation.ReasonScheduled},
		KindRelease:  {Slot: slot, Reason: rotation.ReasonDemand, RequestedBy: "ann@host"},
		KindRetry:    {Slot: slot, Reason: rotation.ReasonDemand, RequestedBy: "ann@host"},
		KindRecover:  {Slot: slot, Reason: rotation.ReasonDemand, RequestedBy: "ann@host"},
		KindAbandon:  {Slot: slot, Reason: rotation.ReasonDemand, RequestedBy: "ann@host"},
	}
	files, err := filepath.Glob(filepath.Join("testdata", "payload", "*.json"))
	if err != nil || len(files) < len(want) {
		t.Fatalf("%d files, %v", len(files), err)
	}
	missing := map[Kind]bool{}
	for kind := range want {
		missing[kind] = true
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		version, name, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".json"), "-")
		kind := Kind(name)
		p, err := decode(data)
		if kind == KindFreeze {
			again, bad := json.Marshal(p)
			if err := errors.Join(err, bad); err != nil || fmt.Sprintf("v%d", kind.version()) != version || string(again) != strings.TrimSpace(string(data)) {
				t.Errorf("%s: today it is %s, %v", file, again, err)
			}
			continue
		}
		got, wanted := rotation.Job{Slot: p.Slot, Reason: p.Reason, RequestedBy: p.RequestedBy, Force: p.Force}, want[kind]
		if p.Force {
			wanted.Reason, wanted.RequestedBy, wanted.Force = rotation.ReasonDemand, "ann@host", version == "v3"
		}
		if err != nil || got != wanted || p.Credential != "alerts@example.com" || fmt.Sprintf("v%d", p.Version) != version {
			t.Errorf("%s: %+v, %v", file, p, err)
		}
		today, err := encode(kind, p.Credential, got)
		writes := fmt.Sprintf("v%d", kind.version()) == version || p.Force
		missing[kind] = missing[kind] && !writes
		if err != nil || writes && string(today) != strings.TrimSpace(string(data)) {
			t.Errorf("%s: today it is %s, %v", file, today, err)
		}
	}
	for kind, none := range missing {
		if none {
			t.Errorf("no file holds what is written for %s", kind)
		}
	}
}

func FuzzPayload(f *testing.F) {
	f.Add([]byte(`{"v":1,"credential":"a","slot":"2026-01-02T03:04:05.678Z","reason":"on demand","requested_by":"ops"}`))
	f.Add([]byte(`{"v":2,"credential":"a","slot":"2026-01-02T03:04:05.678Z","reason":"on demand","requested_by":"ops"}`))
	f.Add([]byte(`{"v":3,"credential":"a","reason":"on demand","force":true}`))
	f.Add([]byte(`{"v":5}`))
	f.Add([]byte(`{"v":7,"credential":"a","reason":"on demand","freeze":{"account":"b","until":"2026-01-02T03:04:05Z","reason":"c"}}`))
	f.Add([]byte(`{"V":1,"Credential":"a","reason":"resume"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decode(data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, rotation.ErrNewerSchema) {
				t.Fatalf("error of no known kind: %v", err)
			}
			if len(data) > 0 && len(err.Error()) > 200 {
				t.Fatalf("the error quotes the payload: %v", err)
			}
			return
		}
		again, err := encode(KindRotate, p.Credential, rotation.Job{Slot: p.Slot, Reason: p.Reason, RequestedBy: p.RequestedBy, Force: p.Force})
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		q, err := decode(again)
		if err != nil || !q.Slot.Equal(p.Slot) || q.Credential != p.Credential || q.Reason != p.Reason || q.RequestedBy != p.RequestedBy || q.Force != p.Force {
			t.Fatalf("%s became %s: %v", data, again, err)
		}
		if len(again) > maxPayload {
			t.Fatalf("%d bytes", len(again))
		}
	})
}

func TestIDsOfDifferentWishesNeverMeet(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, id := range []string{"a", "check-a", "a-1", "rotate"} {
		for _, kind := range []Kind{KindRotate, KindCheck, KindContacts, KindRelease, KindRetry, KindRecover, KindAbandon} {
			for n := range maxTwins {
				if s := taskID(kind, id, n); seen[s] {
					t.Errorf("%s twice", s)
				} else {
					seen[s] = true
				}
			}
		}
	}
}

func TestATextIsCutAfterAWordAndSaysSo(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("wörter ", 200)
	for most := 100; most < 130; most++ {
		cut := shorten(long, most)
		if rest, ok := strings.CutSuffix(cut, "wörter …"); !ok || len(cut) > most || !strings.HasPrefix(long, rest) {
			t.Errorf("%d bytes: %q", most, cut)
		}
	}
	if one := shorten(strings.Repeat("ö", 200), 100); !utf8.ValidString(one) || len(one) > 100 || len(one) < 95 {
		t.Errorf("a text without words: %q", one)
	}
	if short := shorten("as it is", 8); short != "as it is" {
		t.Errorf("%q", short)
	}
}

func TestAHintOfAProviderReachesWhoWaitsForItWhole(t *testing.T) {
	t.Parallel()
	e := &rotation.Error{
		Kind: rotation.Unauthorized, Provider: "tencent-ses", Op: "UpdateEmailSmtpPassWord", Code: "AuthFailure.SignatureFailure",
		Hint: "the secret id or key was refused: check the account's keys, and that they belong to this site", RequestID: "388b1ac4-da93-4c55-929f-5703b4c7cf0e",
	}
	if text := describe(rotation.Result{Status: rotation.Failed, Err: e}); text != "failed: "+e.Error() {
		t.Errorf("%q", text)
	}
}
