package lenient

import "testing"

func TestEveryEncodingIsTakenOff(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"\xef\xbb\xbf{\"a\":1}\r\n":                  `{"a":1}`,
		"\x00\x00{\"a\":1}\x00\x00":                  `{"a":1}`,
		"\xff\xfe{\x00}\x00":                         `{}`,
		"\xfe\xff\x00{\x00}":                         `{}`,
		"\xff\xfe\x00\x00{\x00\x00\x00}\x00\x00\x00": `{}`,
		"\x00\x00\xfe\xff\x00\x00\x00{\x00\x00\x00}": `{}`,
		"{\x00\"\x00a\x00\"\x00:\x001\x00}\x00":      `{"a":1}`,
		"\x00{\x00\"\x00a\x00\"\x00:\x001\x00}":      `{"a":1}`,
		"{\"a\":\"\xe4\"}":                           `{"a":"ä"}`,
		"":                                           "",
		"\xff":                                       "ÿ",
		"\x1f\x8bnot packed":                         "\x1f\u008bnot packed",
	} {
		if got, _ := decode([]byte(body)); got != want {
			t.Errorf("%q is %q, want %q", body, got, want)
		}
	}
}

func TestWhatProvesASuccessIsForgivenOnlyItsWrapping(t *testing.T) {
	t.Parallel()
	type answer struct {
		Done Flag
		Name String
	}
	for body, want := range map[string]*answer{
		"\ufeff{\"Done\": 1, \"Name\": 007}":                                  nil, // no number of JSON
		"\ufeff{\"Done\": 1, \"Name\": 7}\x00":                                {"true", "7"},
		`{"Done": "no", "Name": "x"}`:                                         {"false", "x"},
		`{"Done": {}, "Name": "x"}`:                                           {"", "x"},
		`{"Done": true}{"Done": false}`:                                       nil,
		`{"Done": true, "Name": []}`:                                          nil,
		`Warning {"Done": true}`:                                              nil,
		`{"Done": true`:                                                       nil,
		"<a><Done> 1 </Done><Name>x</Name></a>":                               {"true", "x"},
		"<a><Done>1</Done><Name>a&b</Name></a>":                               {"true", "a&b"},
		"<a><Done>1</Done><Name>a&amp;b</Name>":                               nil,
		"<a><Done>1<Name>x</Name></Done></a>":                                 {"true", ""},
		"<a><Done>1</Done><Name>&nbsp;</Name></a>":                            {"true", "&nbsp;"},
		"<?xml version=\"1.0\" encoding=\"utf-16\"?><a><Done>true</Done></a>": {"true", ""},
	} {
		var got answer
		decode := JSON
		if body[0] == '<' {
			decode = XML
		}
		err := decode([]byte(body), &got)
		if (err == nil) != (want != nil) || want != nil && got != *want {
			t.Errorf("%q is %+v, %v; want %+v", body, got, err, want)
		}
	}
}
