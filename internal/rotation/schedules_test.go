package rotation_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest/explore"
)

var rewrite = flag.Bool("rewrite", false, "write what TestSchedulesOfTestdata sees into testdata/*.txt")

// variants are the broken machines that a file of testdata can name.
var variants = map[string]func(*rotation.Machine, *rotation.Subject){
	"dropOnSecondFailure": dropOnSecondFailure, "promoteBeforeVerify": promoteBeforeVerify, "regenerateOnResume": regenerateOnResume,
	"adoptWithoutAWrite": adoptWithoutAWrite, "closeByDelete": closeByDelete, "judgeByRotationID": judgeByRotationID,
	"takeRefusalsAsProof": takeRefusalsAsProof, "dropLateReplies": dropLateReplies, "promoteBlindly": promoteBlindly,
	"repairDirectly": repairDirectly, "withoutAFence": withoutAFence, "fenceBeforeClaim": fenceBeforeClaim,
	"forgetRechecks": forgetRechecks, "forgetVersions": forgetVersions, "repairWithoutEnd": repairWithoutEnd,
	"replaceSilently": replaceSilently, "askOnce": askOnce, "closeForGood": closeForGood, "takeTheNewestForItsOwn": takeTheNewestForItsOwn,
	"takeTheNewestOfThree":    takeTheNewestOfThree,
	"takeTheirWriteForItsOwn": takeTheirWriteForItsOwn, "hearNoRefusal": hearNoRefusal,
	"dropForAnUnknownTarget": dropForAnUnknownTarget, "countRepeatsAsRejections": countRepeatsAsRejections,
	"takeRepeatsForYes": takeRepeatsForYes, "repairNothing": repairNothing,
}

// TestSchedulesOfTestdata replays each file of testdata: a comment, and then blocks of a command, "----" and what comes of
// it. "replay" is a schedule that once showed a violation, as an exploration prints it; the machine must end it without one.
// "broken" follows the same schedule with a variant that must show one: so every file is known to be able to fail.
func TestSchedulesOfTestdata(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no schedules", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replayFile(t, string(text))
			switch {
			case bytes.Equal(text, []byte(got)):
			case *rewrite:
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Error(err)
				}
			default:
				t.Errorf("it went otherwise; -rewrite writes this down:\n%s", got)
			}
		})
	}
}

// replayFile returns the file as it should be.
func replayFile(t *testing.T, text string) string {
	t.Helper()
	comment, blocks, _ := strings.Cut(text, "\n\n")
	if !strings.HasPrefix(comment, "# ") || !strings.Contains(comment, "P-") {
		t.Error("the file does not begin with a comment that names the rule")
	}
	var b strings.Builder
	b.WriteString(comment + "\n")
	var schedule explore.Schedule
	held, shown := 0, 0
	for block := range strings.SplitSeq(strings.TrimSpace(blocks), "\n\n") {
		input, _, _ := strings.Cut(block, "\n----")
		command, _, _ := strings.Cut(input, "\n")
		variant, broken := strings.CutPrefix(command, "broken ")
		var trace, violation string
		var err error
		if broken {
			if schedule.Mode.Break = variants[variant]; schedule.Mode.Break == nil {
				t.Errorf("there is no variant %s", variant)
			}
			trace, violation, err = schedule.Replay()
			shown++
		} else {
			if schedule, err = explore.ParseSchedule(input); err != nil {
				t.Fatal(err)
			}
			trace, violation, err = schedule.Replay()
			held++
		}
		if err != nil || broken != (violation != "") {
			t.Errorf("%s: %q, %v\n%s", command, violation, err, trace)
		}
		if broken {
			trace = violation + "\n"
		}
		b.WriteString("\n" + input + "\n----\n" + trace)
	}
	if held == 0 || shown == 0 {
		t.Error("no broken variant shows that the schedule can fail")
	}
	return b.String()
}
