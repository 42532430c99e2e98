package operate_test

import (
	"testing"

	"keyturn/internal/operate"
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
		if got := operate.Plain(reason); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
