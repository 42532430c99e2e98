package declared

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/providers/providertest"
	"keyturn/internal/secret"
)

func TestATrialSaysWhatItFoundAndNothingOfWhatItSent(t *testing.T) {
	t.Parallel()
	d := describe(t, "setter.yaml")
	try := func(answer providertest.Answer) Trial {
		t.Helper()
		trial, err := d.Try(t.Context(), providertest.Serve(t, answer).Settings(d.Provider(), ""), Attempt{Target: "a@example.com", Password: secret.New("Secret-1-Pass")})
		if err != nil {
			t.Fatal(err)
		}
		return trial
	}
	found := func(trial Trial) map[string]bool {
		looked := map[string]bool{}
		for _, one := range trial.Looked {
			looked[one.What] = one.Found
		}
		return looked
	}
	good := try(providertest.Answer{Body: `{"status": "ok", "more": [{"x": 1}], "Secret-1-Pass": 1}`})
	want := map[string]bool{"whole status": true, "success status 200": true, `success status is "ok"`: true, "code error.code": false}
	if got := found(good); good.Err != nil || good.Status != 200 || good.Row != 0 || !maps.Equal(got, want) || !slices.Equal(good.Fields, []string{"unreadable", "more.0.x", "status"}) {
		t.Errorf("%+v", good)
	}
	refused := try(providertest.Answer{Status: 400, Body: `{"status": "no", "error": {"code": "same"}}`})
	want = map[string]bool{"whole status": true, "success status 200": false, `success status is "ok"`: false, "code error.code": true}
	if got := found(refused); refused.Err == nil || refused.Row != 29 || !maps.Equal(got, want) {
		t.Errorf("%+v", refused)
	}
	for _, body := range []string{"<html>", "", "[" + strings.Repeat(`{"a": 1},`, 100) + "1]"} {
		if odd := try(providertest.Answer{Body: body}); odd.Err == nil || found(odd)["whole status"] || len(odd.Fields) > mostFields {
			t.Errorf("%s: %+v", body, odd)
		}
	}
}
