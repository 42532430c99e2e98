package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAReasonSaysNothingTwice(t *testing.T) {
	t.Parallel()
	const noSuch = "tencent-ses UpdateEmailSmtpPassWord: InvalidParameterValue.NoSuchSender: check the target"
	for reason, want := range map[string]string{
		"target: tencent-ses UpdateEmailSmtpPassWord: target: InvalidParameterValue.NoSuchSender: check the target":                           "target: " + noSuch,
		"quarantined: quarantined: target: tencent-ses UpdateEmailSmtpPassWord: target: InvalidParameterValue.NoSuchSender: check the target": "quarantined: target: " + noSuch,
		"failed: failed: in doubt": "failed: in doubt",
		"failed: failed":           "failed",
		"waiting":                  "waiting",
		"":                         "",
		"rule: the provider rejected 3 passwords in a row (X)": "rule: the provider rejected 3 passwords in a row (X)",
		"a: b: c: a: d": "a: b: c: a: d",
	} {
		if got := plain(reason); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

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
