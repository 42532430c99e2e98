package config_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/config/document"
	"keyturn/internal/providers"
)

func TestAReportTakesEveryErrorApartAndSaysWhoseItIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good := base + "credentials:\n  - {id: a, account: tencent, target: a@example.com, path: secret/a}\n"
	cfg, r := config.Check(write(t, dir, "keyturn.yaml", good), providers.All())
	if cfg == nil || !r.OK || r.Invalid || r.Err != nil || r.Credentials != 1 || r.Accounts != 2 || len(r.Warnings) != 1 {
		t.Fatalf("%+v", r)
	}
	text, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(text), `"ok":true,"credentials":1,"accounts":2,"verifications":0,"total_errors":0,"errors":[],"warnings":[{"file":`) {
		t.Errorf("%v: %s", err, text)
	}

	// What does not stand in the file is no fault of it.
	r.Note(errors.Join(errors.New("vault is away"), &document.Error{File: "keyturn.yaml", Line: 3, Column: 1, Message: "is not set"}))
	if r.OK || r.Invalid || r.Total != 2 || r.Errors[0].Placed != nil || r.Errors[0].Message != "vault is away" || r.Errors[1].Line != 3 {
		t.Errorf("%+v", r)
	}

	cfg, r = config.Check(write(t, dir, "bad.yaml", good+"nonsense: 1\nworse: 2\n"), providers.All())
	if cfg != nil || r.OK || !r.Invalid || r.Total != 2 || len(r.Errors) != 2 || r.Errors[0].Severity != document.SeverityError || r.Errors[0].Field != "nonsense" {
		t.Errorf("%+v", r)
	}
	if _, r = config.Check(filepath.Join(dir, "missing.yaml"), providers.All()); r.OK || !r.Invalid || r.Total != 1 {
		t.Errorf("%+v", r)
	}
}
