package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestANoteIsCutAfterAWord(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("wörter ", 60)
	if got := shorten(long, 30); got != "wörter wörter wörter wörter …" {
		t.Errorf("%q", got)
	}
	if got := shorten(strings.Repeat("ö", 60), 30); utf8.RuneCountInString(got) != 30 || !strings.HasSuffix(got, "ö…") {
		t.Errorf("%q", got)
	}
	if got := shorten("as it is", 8); got != "as it is" {
		t.Errorf("%q", got)
	}
}
