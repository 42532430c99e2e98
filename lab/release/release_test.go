package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// checkout copies the working tree into a repository of its own, with a commit that is the same wherever it is made.
func checkout(t *testing.T) string {
	t.Helper()
	list, err := git(t.Context(), "../..", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for name := range strings.SplitSeq(strings.TrimRight(list, "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join("../..", name))
		if errors.Is(err, os.ErrNotExist) { // removed, and not committed yet
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A", "-f"}, {"commit", "-q", "-m", "all"}, {"tag", "v9.8.7"}} {
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_DATE=2026-11-30T00:00:00Z", "GIT_COMMITTER_DATE=2026-11-30T00:00:00Z")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	return root
}

// ours is one program for the platform of this machine: the cheapest that can also be run.
func ours(root, dist string) release {
	return release{root: root, dist: dist, platforms: []string{runtime.GOOS + "/" + runtime.GOARCH}, programs: []string{"sandbox"}}
}

func TestACommitGivesTheSameBytesWhereverItIsBuilt(t *testing.T) {
	t.Parallel()
	var sums [2]string
	var dist string
	for i := range sums {
		dist = filepath.Join(t.TempDir(), "dist")
		if err := run(t.Context(), ours(checkout(t), dist)); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dist, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = string(text)
	}
	want := []string{`\.cdx\.json`, `_\w+_\w+\.tar\.gz`}
	if runtime.GOOS == "linux" {
		want = append(want, `_\w+\.deb`, `_image\.tar`)
	}
	if sums[0] != sums[1] || strings.Count(sums[0], "\n") != len(want) {
		t.Errorf("got:\n%s\nand:\n%s", sums[0], sums[1])
	}
	for _, name := range want {
		if !regexp.MustCompile(`(?m)^[0-9a-f]{64}  keyturn_v?9\.8\.7` + name + `$`).MatchString(sums[0]) {
			t.Errorf("no %s in:\n%s", name, sums[0])
		}
	}
	if info, err := exec.CommandContext(t.Context(), unpacked(t, dist, "sandbox"), "-version").CombinedOutput(); err != nil ||
		!regexp.MustCompile(`^sandbox v9\.8\.7 \(commit [0-9a-f]{40}, 2026-11-30T00:00:00Z, go1\.`).Match(info) {
		t.Errorf("it says %q, %v", info, err)
	}
	checkBOM(t, filepath.Join(dist, "keyturn_v9.8.7.cdx.json"))
}

// unpacked takes one file out of the only archive.
func unpacked(t *testing.T, dist, name string) string {
	t.Helper()
	archives, err := filepath.Glob(filepath.Join(dist, "*.tar.gz"))
	if err != nil || len(archives) != 1 {
		t.Fatalf("%v, %v", archives, err)
	}
	f, err := os.Open(archives[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if header.Name != "keyturn_v9.8.7/"+name {
			continue
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, data, os.FileMode(header.Mode)); err != nil {
			t.Fatal(err)
		}
		return file
	}
}

// checkBOM holds that each module of the program is in the list once, in the version that go.sum has.
func checkBOM(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var bom struct {
		Format     string `json:"bomFormat"`
		Components []struct {
			Name, Version, PURL string
		} `json:"components"`
	}
	if err := json.Unmarshal(text, &bom); err != nil || bom.Format != "CycloneDX" {
		t.Fatalf("%q, %v", bom.Format, err)
	}
	sums, err := os.ReadFile("../../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	roots, err := os.ReadFile("go.sum") // of what the image trusts
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range bom.Components {
		fixed := sums
		if c.Name == rootsModule {
			fixed = roots
		}
		if seen[c.PURL] || c.Name != "std" && !bytes.Contains(fixed, []byte(c.Name+" "+c.Version+" h1:")) {
			t.Errorf("%+v", c)
		}
		seen[c.PURL] = true
	}
	want := []string{"std", "github.com/emersion/go-smtp"}
	if runtime.GOOS == "linux" {
		want = append(want, rootsModule)
	}
	for _, name := range want {
		if !strings.Contains(string(text), `"pkg:golang/`+name+"@") {
			t.Errorf("%s is missing", name)
		}
	}
	if strings.Contains(string(text), "prometheus") {
		t.Error("it names what the sandbox is not made of")
	}
}

func TestWhatIsNotACommitIsNotReleased(t *testing.T) {
	t.Parallel()
	root := checkout(t)
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, r := range map[string]release{
		"the checkout was changed": ours(root, filepath.Join(t.TempDir(), "dist")),
		"is not empty":             ours(root, root),
		`platform "plan9/386"`:     {root: root, dist: t.TempDir(), platforms: []string{"plan9/386"}, programs: programs},
		`program "wroker"`:         {root: root, dist: t.TempDir(), platforms: platforms, programs: []string{"wroker"}},
		"git describe":             ours(t.TempDir(), filepath.Join(t.TempDir(), "dist")),
	} {
		if err := run(t.Context(), r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
