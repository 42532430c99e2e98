package observe_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"keyturn/internal/observe"
)

// hostile are texts that do harm where they are shown as they are.
var hostile = map[string]string{
	"an escape sequence":         "\x1b[2J\x1b]0;title\x07",
	"a C1 control sequence":      "\u009b2J",
	"a raw C1 byte":              "\x9b2J",
	"another line":               "ok\nforged: healthy",
	"a line that is overwritten": "quarantined\rhealthy",
	"a column":                   "a\tb",
	"backspaces":                 "no\b\byes",
	"delete":                     "no\x7f",
	"a direction":                "\u202egnihsif",
	"a mark beyond the BMP":      "\U000e0001x",
	"a line separator":           "a\u2028b",
	"nothing visible":            "a\u200b\u00adb",
	"no UTF-8":                   "a\xff\xfeb",
	"a zero":                     "a\x00b",
}

func harmless(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

func TestWhatIsPrintableIsObeyedByNoTerminal(t *testing.T) {
	t.Parallel()
	for what, text := range hostile {
		shown := observe.Printable(text)
		if !harmless(shown) {
			t.Errorf("%s: %q", what, shown)
		}
		if again := observe.Printable(shown); again != shown {
			t.Errorf("%s: %q became %q", what, shown, again)
		}
	}
	for _, text := range []string{"", "plain", "passwört für 株式会社 🔑", `back\slash`} {
		if shown := observe.Printable(text); shown != text {
			t.Errorf("%q became %q", text, shown)
		}
	}
}

func TestAPrintableWriterKeepsLinesAndWholeCharacters(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 3, 1000} {
		var out bytes.Buffer
		w := observe.NewPrintable(&out)
		for rest := []byte("one é🔑\ntwo\x1b[0m\u202e\x9b.\n"); len(rest) > 0; {
			n := min(size, len(rest))
			if wrote, err := w.Write(rest[:n]); err != nil || wrote != n {
				t.Fatal(wrote, err)
			}
			rest = rest[n:]
		}
		if want := "one é🔑\ntwo\\u001b[0m\\u202e\uFFFD.\n"; out.String() != want {
			t.Errorf("%d bytes at a time: %q, want %q", size, out.String(), want)
		}
	}
}

func TestALogLineIsOneHarmlessLineWithTheTextInIt(t *testing.T) {
	t.Parallel()
	for what, text := range hostile {
		var out bytes.Buffer
		observe.NewLogger(&out, slog.LevelInfo).Info("said", "text", text)
		line, ended := strings.CutSuffix(out.String(), "\n")
		if !ended || !harmless(line) {
			t.Errorf("%s: %q", what, out.String())
		}
		var read struct{ Text string }
		if err := json.Unmarshal([]byte(line), &read); err != nil || read.Text != strings.ToValidUTF8(text, "\uFFFD") && utf8.ValidString(text) {
			t.Errorf("%s: %v, %q was read as %q", what, err, text, read.Text)
		}
	}
}

func TestADurationInTheLogReadsAsPeopleSayIt(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := observe.NewLogger(&out, slog.LevelInfo)
	log.Info("comes back", "after", 1804087134*time.Nanosecond, slog.Group("in", "took", 90*time.Second))
	if got := out.String(); !strings.Contains(got, `"after":"1.804s","in":{"took":"1m30s"}`) {
		t.Error(got)
	}
}
