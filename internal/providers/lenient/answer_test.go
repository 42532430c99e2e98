package lenient_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"keyturn/internal/providers/lenient"
)

func TestASecretIsFoundWhereverItStands(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct {
		secret string
		sure   bool
	}{
		`{"new_password":"abc"}`:                                              {"abc", true},
		`{"New-Password" : "abc"}`:                                            {"abc", true},
		`{"password":"old","data":{"new_password":"abc"}}`:                    {"abc", true},
		`{"password":"hash","data":"{\"new_password\":\"abc\"}"}`:             {"abc", true},
		`{"credential":{"password":"hash"},"password":"abc"}`:                 {"abc", false},
		`{"new_password":"a\"b\\c\/d"}`:                                       {`a"b\c/d`, true},
		`{"new_password":"\u0061\u00e9\ud83d\ude00"}`:                         {"aé😀", true},
		`{"new_password":"\u006"}`:                                            {"u006", false},
		`{"new_password":"a}b{c,d: e"}`:                                       {"a}b{c,d: e", true},
		`{"new_password":"ab"cd","remote_synced":true}`:                       {`ab"cd`, false},
		`{"new_password":"a&amp;b"}`:                                          {"a&b", false},
		`{"new_password":"a&b;c"}`:                                            {"a&b;c", true},
		`{"new_password":12345678}`:                                           {"12345678", false},
		`{"new_password":1234`:                                                {"", false},
		`{"new_password":"abc`:                                                {"", false},
		`{"new_password":"********","password":"abc"}`:                        {"abc", true},
		`{"new_password":{"strength":"strong"}}`:                              {"", false},
		`{"new_password":true}`:                                               {"", false},
		`{"strength":"new_password"}`:                                         {"", false},
		`{"password_strength":"strong"}`:                                      {"", false},
		`'new_password' => 'abc',`:                                            {"abc", false},
		`<reply><new_password>a&amp;b</new_password></reply>`:                 {"a&b", true},
		`<reply><NewPassword><![CDATA[a&b]]></NewPassword></reply>`:           {"a&b", true},
		`<p>Your new password: abc has been mailed.</p>`:                      {"", false},
		`{"message":"Undefined key \"password\" in api.php","success":false}`: {"", false},
		"{\"new_password\":\"p\xe4ss\"}":                                      {"päss", false},
		"":                                                                    {"", false},
	} {
		value, sure := lenient.Read([]byte(body)).Secret("new_password", "password")
		if value.Reveal() != want.secret || sure != want.sure {
			t.Errorf("%q shows %q, sure %v; want %q, %v", body, value.Reveal(), sure, want.secret, want.sure)
		}
	}
}

func TestAFieldIsReadInEverySpelling(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]lenient.Flag{
		`{"ok":true}`: "true", `{"OK": "1"}`: "true", `{"ok":[1]}`: "true", `{"ok":"off"}`: "false", `{"ok":0}`: "false",
		`{"ok":null}`: "", `{"ok":true}{"ok":false}`: "", `{"ok":true}{"ok":1}`: "true", `{}`: "", `{"ok":tru`: "",
		`<a><ok>1</ok></a>`: "true",
	} {
		if got := lenient.Read([]byte(body)).Flag("ok"); got != want {
			t.Errorf("%s is %q, want %q", body, got, want)
		}
	}
	if got := lenient.Read([]byte(`{"user_smtp_guid": 42 }`)).Text("user_smtp_guid"); got != "42" {
		t.Errorf("a number is read as %q", got)
	}
}

// FuzzSecret puts a password into a document behind any garbage that does not name the field itself.
func FuzzSecret(f *testing.F) {
	f.Add("", "abc", "")
	f.Add("Warning: \" in {", `a"b\c&d`, "}]\x00")
	f.Add("\xff\xfe\"", "'", `"new`)
	f.Fuzz(func(t *testing.T, before, password, after string) {
		lenient.Read([]byte(before + after)).Secret("new_password") // whatever it is, it comes back
		if !utf8.ValidString(before) || !utf8.ValidString(password) || len(password) > 512 || strings.ContainsAny(before+password, "&\x00\r\n\\\ufeff") ||
			strings.Trim(password, "*•●") == "" || strings.Contains(before+password, "password") || strings.HasPrefix(before, "\x1f\x8b") {
			return
		}
		inside, _ := json.Marshal(password)
		body := before + `{"new_password":` + string(inside) + `}`
		if got, _ := lenient.Read([]byte(body)).Secret("new_password"); got.Reveal() != password {
			t.Errorf("%q shows %q", body, got.Reveal())
		}
	})
}
