package spelling_test

import (
	"strings"
	"testing"

	"keyturn/internal/providers/spelling"
)

func TestEverySpellingOfADomainIsOne(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"example.com":                     "example.com",
		" Example.COM. ":                  "example.com",
		"ｅｘａｍｐｌｅ．ｃｏｍ":                     "example.com",
		"example。com":                     "example.com",
		"example．com｡":                    "example.com",
		"exam\u00adple.com":               "example.com",
		"münchen.de":                      "xn--mnchen-3ya.de",
		"MÜNCHEN.DE":                      "xn--mnchen-3ya.de",
		"mu\u0308nchen.de":                "xn--mnchen-3ya.de",
		"xn--mnchen-3ya.de":               "xn--mnchen-3ya.de",
		"XN--MNCHEN-3YA.de.":              "xn--mnchen-3ya.de",
		"straße.de":                       "xn--strae-oqa.de",
		"例え.テスト":                          "xn--r8jz45g.xn--zckzah",
		"my_host.example.com":             "my_host.example.com",
		"":                                "",
		".":                               "",
		"example..com":                    "",
		"example.com..":                   "",
		".example.com":                    "",
		"exam ple.com":                    "",
		"example.com\nx":                  "",
		"xn--a.de":                        "",
		"xn--münchen.de":                  "",
		"\xff.de":                         "",
		strings.Repeat("a", 64) + ".com":  "",
		strings.Repeat("abcdefg.", 32):    "",
		strings.Repeat("ü", 60) + ".de":   "",
		"xn--" + strings.Repeat("a", 500): "",
	} {
		got, err := spelling.Domain(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("Domain(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestEverySpellingOfAnAddressIsOne(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a@example.com":            "a@example.com",
		" A@EXAMPLE.com. ":         "A@example.com",
		"a@münchen.de":             "a@xn--mnchen-3ya.de",
		"a@mu\u0308nchen。de":       "a@xn--mnchen-3ya.de",
		"a@XN--MNCHEN-3ya.de":      "a@xn--mnchen-3ya.de",
		"ａ＠example.com":            "a@example.com",
		"rene\u0301@example.com":   "rené@example.com",
		"ren\u00e9@example.com":    "rené@example.com",
		"":                         "",
		"example.com":              "",
		"@example.com":             "",
		"a@":                       "",
		"a@b@example.com":          "",
		`"a"@example.com`:          "",
		"A <a@example.com>":        "",
		"<a@example.com>":          "",
		"a@example.com,b@x.com":    "",
		"a@[192.0.2.1]":            "",
		"a@example.com\r\nX: y":    "",
		"a@example.com (a remark)": "",
	} {
		got, err := spelling.Address(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("Address(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}

func FuzzSpellingIsStable(f *testing.F) {
	for _, seed := range []string{"a@example.com", "münchen.de", "xn--mnchen-3ya.de", "ａ＠ｂ．ｃ", "a。b", "\u200d", "ß"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, spell := range map[string]func(string) (string, error){"Domain": spelling.Domain, "Address": spelling.Address} {
			one, err := spell(text)
			if err != nil {
				continue
			}
			if again, err := spell(one); err != nil || again != one {
				t.Errorf("%s(%q) = %q, and that is spelled %q, %v", name, text, one, again, err)
			}
		}
	})
}
