package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// module is a copy of the module of testdata, in git.
func module(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS("testdata/module")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "git", "init", "--quiet", root).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return root
}

// try runs a campaign over the module of testdata with the patches whose name matches.
func try(t *testing.T, names string) (*campaign, string, error) {
	t.Helper()
	dir, err := filepath.Abs("testdata/patches")
	if err != nil {
		t.Fatal(err)
	}
	patches, err := load(dir, regexp.MustCompile(names))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	c := &campaign{root: module(t), patches: patches, workers: 2, limit: 5 * time.Second, out: &out}
	err = c.run(t.Context())
	return c, out.String(), err
}

func TestAPatchDiesByATestAndOneThatNoTestNoticesIsNamed(t *testing.T) {
	t.Parallel()
	_, said, err := try(t, "^(killed|survived)$")
	for _, want := range []string{
		"killed: killed by TestWhatIs", // one of two, which run side by side
		"survived: no test holds that what is less than 0 becomes 0; write one",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said:\n%s", want, said)
		}
	}
	if !strings.HasSuffix(said, "\nmutate killed=1 survived=1\n") || err == nil {
		t.Errorf("it ends with %v:\n%s", err, said)
	}
}

func TestACampaignWithoutSurvivorsSucceeds(t *testing.T) {
	t.Parallel()
	if _, said, err := try(t, "^killed$"); err != nil || !strings.HasSuffix(said, "\nmutate killed=1 survived=0\n") {
		t.Errorf("%v:\n%s", err, said)
	}
}

func TestTheTestThatNoticedAPatchIsAskedFirstAndTheOthersIfItNoticesNothing(t *testing.T) {
	t.Parallel()
	_, said, err := try(t, "^noticed")
	for _, want := range []string{"noticed: killed by TestWhatIsFarTooMuchIsCut", "noticed-by-none: killed by TestWhatIs"} {
		if !strings.Contains(said, want) || err != nil {
			t.Errorf("%q is not said, %v:\n%s", want, err, said)
		}
	}
}

func TestAPatchOfWhatATestedPackageImportsIsTriedWithoutCompilingIt(t *testing.T) {
	t.Parallel()
	_, said, err := try(t, "^elsewhere")
	if err != nil || !strings.HasSuffix(said, "\nmutate killed=4 survived=0\n") || strings.Count(said, "killed by TestWhatIsNamedTwiceIsTheMost") != 4 {
		t.Errorf("%v:\n%s", err, said)
	}
	for name, elsewhere := range map[string]bool{"body": false, "embedded": false, "lines": true, "file": true} {
		tested := tree(module(t))
		p, err := tested.list(t.Context(), "./shop")
		if err != nil {
			t.Fatal(err)
		}
		file, err := filepath.Abs("testdata/patches/elsewhere-" + name + ".patch")
		if err != nil {
			t.Fatal(err)
		}
		broken, err := read(file)
		if err = errors.Join(err, tested.apply(t.Context(), file)); err != nil {
			t.Fatal(err)
		}
		if err := p.build(t.Context(), tested, broken.changes, filepath.Join(t.TempDir(), "test")); elsewhere != errors.Is(err, errElsewhere) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestWhatDoesNotApplyOrBuildOrEndIsNoKill(t *testing.T) {
	t.Parallel()
	c, said, err := try(t, "^(endless|outdated|unbuildable)$")
	if all := errors.Join(c.unusable...); len(c.unusable) != 3 || !errors.Is(all, errBuild) || !errors.Is(all, errTimeout) {
		t.Errorf("got %v", all)
	}
	if !strings.Contains(said, "unusable: outdated: does not apply any more: break the code again by hand") {
		t.Errorf("what to do about a patch that does not apply is not said:\n%s", said)
	}
	if !strings.HasSuffix(said, "\nmutate killed=0 survived=0\n") || err == nil {
		t.Errorf("it ends with %v:\n%s", err, said)
	}
}

func TestAPatchBreaksOnlyACopy(t *testing.T) {
	t.Parallel()
	c, _, _ := try(t, "^killed$")
	for name, dir := range map[string]string{"the sources": c.root, "the example": "testdata/module"} {
		text, err := os.ReadFile(filepath.Join(dir, "limit", "limit.go"))
		if err != nil || !strings.Contains(string(text), "for n > most {") {
			t.Errorf("%s changed: %v\n%s", name, err, text)
		}
	}
}

func TestTestsThatFailWithoutAPatchNoticeNone(t *testing.T) {
	t.Parallel()
	_, said, err := try(t, "^untested$")
	if err == nil || !strings.HasPrefix(err.Error(), "without any patch: go test ./nothing: ") || strings.Contains(said, "killed") {
		t.Errorf("got %v\n%s", err, said)
	}
}

func TestAPatchNamesWhatItBreaksAndWhatTests(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mute.patch")
	if err := os.WriteFile(file, []byte("Test: ./limit\n\n--- a/x.go\n+++ b/x.go\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := read(file); err == nil || !strings.Contains(err.Error(), "Breaks: ") {
		t.Errorf("got %v", err)
	}
}

func TestPatchesOfAPackageAreSpreadOverTheWhole(t *testing.T) {
	t.Parallel()
	var patches []patch
	for _, name := range []string{"few/a", "many/a", "many/b", "many/c", "many/d", "some/a", "some/b"} {
		patches = append(patches, patch{name: name})
	}
	var got []string
	for _, p := range spread(patches) {
		got = append(got, p.name)
	}
	if want := []string{"many/a", "some/a", "many/b", "few/a", "many/c", "some/b", "many/d"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestWhatThePatchesOfAPackageNameIsRehearsedInOneRun(t *testing.T) {
	t.Parallel()
	var patches []patch
	for _, tests := range []string{"./b -run TestTwo", "./b", "./a -skip Slow", "./b -run TestOne", "./b -run TestTwo", "./a -skip Slow"} {
		patches = append(patches, patch{tests: tests})
	}
	patches = append(patches, patch{tests: "./a -skip Slow", noticed: "TestOne"}, patch{tests: "./b -run Test -timeout 20s", noticed: "TestThree"})
	if asks := patches[len(patches)-1].asks(); asks != "./b -timeout 20s -run ^TestThree$" {
		t.Errorf("its own limit does not count: %s", asks)
	}
	want := []string{"./a -run ^TestOne$", "./a -skip Slow", "./b", "./b -run TestOne|TestTwo|^TestThree$"}
	if got := together(patches); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEveryPatchApplies(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	patches, err := load(filepath.Join(root, "lab", "mutate", "patches"), regexp.MustCompile(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range patches {
		if err := tree(root).apply(t.Context(), p.file, "--check"); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
}
