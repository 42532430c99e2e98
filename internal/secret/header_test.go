package secret_test

import (
	"strings"
	"testing"

	"keyturn/internal/secret"
)

func TestAKeyThatNoHeaderCarriesIsRefusedWithoutShowingIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                       "",
		"AKIDz8krbsJ5yKBZQpn74":  "",
		"two words, !#$%&'()*+~": "",
		"key\n":                  "character 4 is a line break",
		"ke\ry":                  "character 3 is a line break",
		"\tkey":                  "character 1 is a control character",
		"ke\ty":                  "character 3 is a control character",
		"key\x7f":                "character 4 is a control character",
		"k\x00e\x00y\x00":        "character 2 is a NUL",
		" key":                   "character 1 is a space",
		"key ":                   "character 4 is a space",
		"\ufeffkey":              "character 1 is not ASCII",
		"“key”":                  "character 1 is not ASCII",
		"ke\u200by":              "character 3 is not ASCII",
		"kéy\n":                  "character 2 is not ASCII",
		"ke\xff":                 "character 3 is not ASCII",
		"key\u00a0":              "character 4 is not ASCII",
	} {
		err := secret.New(text).CheckHeader()
		switch {
		case want == "" && err != nil, want != "" && err == nil:
			t.Errorf("%q: got %v", text, err)
		case err != nil && (!strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), strings.TrimSpace(text))):
			t.Errorf("%q: got %q, want %q", text, err, want)
		}
	}
}
