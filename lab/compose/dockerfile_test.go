package compose_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// stage is one part of the Dockerfile, from a FROM to the next: its base, and the instructions.
type stage struct {
	base         string
	instructions []string
}

func stages(t *testing.T) []stage {
	t.Helper()
	var all []stage
	text := regexp.MustCompile(`\\\n`).ReplaceAllString(read(t, "Dockerfile"), "")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if base, ok := strings.CutPrefix(line, "FROM "); ok {
			all = append(all, stage{base: base})
		} else if line != "" && line[0] != '#' && len(all) > 0 {
			all[len(all)-1].instructions = append(all[len(all)-1].instructions, line)
		}
	}
	if len(all) != 2 {
		t.Fatalf("%d stages, want one to build and one to run", len(all))
	}
	return all
}

func has(s stage, pattern string) bool {
	return slices.ContainsFunc(s.instructions, regexp.MustCompile(pattern).MatchString)
}

func TestTheImageIsEmptyButForThePrograms(t *testing.T) {
	t.Parallel()
	final := stages(t)[1]
	if final.base != "scratch" {
		t.Errorf("its base is %s", final.base)
	}
	if has(final, `^RUN `) {
		t.Error("an empty base runs nothing")
	}
	if !has(final, `^USER [1-9][0-9]*:[1-9][0-9]*$`) {
		t.Error("no plain user, by number: an empty base has no /etc/passwd")
	}
}

func TestTheProgramsAreStaticAndHaveTheRootsOfTrust(t *testing.T) {
	t.Parallel()
	build := stages(t)[0]
	if !has(build, `CGO_ENABLED=0 go build -trimpath `) {
		t.Error("want CGO_ENABLED=0 go build -trimpath")
	}
	if !has(build, `/out/etc/ssl/certs`) {
		t.Error("no CA bundle: no provider's certificate could be checked")
	}
	for _, main := range []string{"cmd/worker/main.go", "cmd/scheduler/main.go", "cmd/console/main.go", "cmd/rotatectl/main.go"} {
		if !strings.Contains(read(t, main), `_ "time/tzdata"`) {
			t.Errorf("%s does not embed the time zones", main)
		}
	}
}

func TestTheClassicBuilderUnderstandsIt(t *testing.T) {
	t.Parallel()
	text := read(t, "Dockerfile")
	for _, pattern := range []string{`(?mi)^# *syntax *=`, `--mount=`, `--link`, `<<`, `--chmod`} {
		if found := regexp.MustCompile(pattern).FindString(text); found != "" {
			t.Errorf("%q needs BuildKit", found)
		}
	}
}

func TestEveryServicesProgramIsInTheImage(t *testing.T) {
	t.Parallel()
	build := stages(t)[0]
	for name, s := range services(t) {
		if ours(s) && !has(build, `\./(cmd|deploy/compose)/`+regexp.QuoteMeta(s.Command[0])+`\b`) {
			t.Errorf("%s: %s is not built", name, s.Command[0])
		}
		if ours(s) && s.HealthCheck.Test[1] != s.Command[0] {
			t.Errorf("%s: %s is asked for the health of %s", name, s.HealthCheck.Test[1], s.Command[0])
		}
	}
}

func TestOnlySourceGoesIntoTheBuild(t *testing.T) {
	t.Parallel()
	rules := strings.Fields(regexp.MustCompile(`(?m)^#.*`).ReplaceAllString(read(t, ".dockerignore"), ""))
	if len(rules) == 0 || rules[0] != "*" {
		t.Errorf("%v: not everything is left out first", rules)
	}
}
