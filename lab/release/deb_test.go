package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ulikunitz/xz"
)

var aStamp = stamp{version: "v1.2.0", revision: "4b825dc642cb6eb9a060e54bf8d69288fbee4904", date: time.Date(2026, 11, 30, 2, 24, 33, 0, time.UTC)}

// standIns are files in place of programs, or of others: their paths, and their names as contents.
func standIns(t *testing.T, names ...string) (all []string) {
	t.Helper()
	folder := t.TempDir()
	for _, name := range names {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		all = append(all, file)
	}
	return all
}

// aDeb writes a package of stand-ins and of this checkout's other files.
func aDeb(t *testing.T, arch string) (file string) {
	t.Helper()
	r := release{root: "../..", dist: t.TempDir()}
	name, err := r.writeDeb(aStamp, arch, standIns(t, programs...), standIns(t, shells...), t.TempDir())
	if err != nil || name != "keyturn_1.2.0_"+arch+".deb" {
		t.Fatalf("%s, %v", name, err)
	}
	return filepath.Join(r.dist, name)
}

// member is a file or folder of a package.
type member struct {
	tar.Header

	data string
}

// unpackDeb reads a package as deb(5) describes it: an ar archive of a version and two tars.
func unpackDeb(t *testing.T, file string) (control, data map[string]member) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rest, ok := bytes.CutPrefix(text, []byte("!<arch>\n"))
	if !ok {
		t.Fatal("it is no ar archive")
	}
	members := map[string][]byte{}
	var order []string
	for len(rest) >= 60 {
		header := string(rest[:60])
		size, err := strconv.Atoi(strings.TrimSpace(header[48:58]))
		if err != nil || header[58:] != "`\n" {
			t.Fatalf("%q: %v", header, err)
		}
		name := strings.TrimRight(header[:16], " /")
		if at := strings.TrimSpace(header[16:28]); at != strconv.FormatInt(aStamp.date.Unix(), 10) {
			t.Errorf("%s is of %s", name, at)
		}
		members[name], order = rest[60:60+size], append(order, name)
		rest = rest[60+size+size%2:]
	}
	if want := []string{"debian-binary", "control.tar.gz", "data.tar.xz"}; !slices.Equal(order, want) || string(members["debian-binary"]) != "2.0\n" {
		t.Fatalf("%v, of version %q", order, members["debian-binary"])
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(members["control.tar.gz"]))
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := xz.NewReader(bytes.NewReader(members["data.tar.xz"]))
	if err != nil {
		t.Fatal(err)
	}
	return untar(t, unzipped), untar(t, unpacked)
}

// untar reads files and folders by their absolute paths.
func untar(t *testing.T, from io.Reader) map[string]member {
	t.Helper()
	all := map[string]member{}
	for archive := tar.NewReader(from); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		name := path.Join("/", header.Name)
		if _, twice := all[name]; twice {
			t.Errorf("%s is in it twice", name)
		}
		all[name] = member{Header: *header, data: string(data)}
	}
}

func TestThePackageHoldsWhatItPromisesAndNothingElse(t *testing.T) {
	t.Parallel()
	_, data := unpackDeb(t, aDeb(t, "amd64"))
	modes := map[string]int64{ // of what is in no folder of documents
		"/etc/keyturn": 0o755, "/etc/keyturn/console": 0o700, "/etc/keyturn/scheduler": 0o700, "/etc/keyturn/worker": 0o700,
		"/usr/bin/rotatectl": 0o755, "/usr/bin/keyturn-console": 0o755, "/usr/bin/keyturn-sandbox": 0o755,
		"/usr/bin/keyturn-scheduler": 0o755, "/usr/bin/keyturn-worker": 0o755,
		"/usr/lib/systemd/system/keyturn-console.service":     0o644,
		"/usr/lib/systemd/system/keyturn-scheduler.service":   0o644,
		"/usr/lib/systemd/system/keyturn-worker.service":      0o644,
		"/usr/share/bash-completion/completions/rotatectl":    0o644,
		"/usr/share/fish/vendor_completions.d/rotatectl.fish": 0o644,
		"/usr/share/zsh/vendor-completions/_rotatectl":        0o644,
	}
	for name, m := range data {
		if m.Uid != 0 || m.Gid != 0 || !m.ModTime.Equal(aStamp.date) {
			t.Errorf("%s belongs to %d:%d and is of %v", name, m.Uid, m.Gid, m.ModTime)
		}
		want, ours := modes[name]
		switch {
		case ours:
		case m.Typeflag == tar.TypeDir:
			want = 0o755
		case strings.HasPrefix(name, docs):
			want = 0o644
		default:
			t.Errorf("%s should not be in it", name)
		}
		if m.Mode != want {
			t.Errorf("%s has mode %o, want %o", name, m.Mode, want)
		}
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(modes)), []string{
		docs + "copyright", docs + "changelog.gz", docs + "README.md", docs + "keyturn.example.yaml", docs + "docs/upgrade.md", docs + "deploy/systemd/README.md",
	}) {
		if _, found := data[name]; !found {
			t.Errorf("%s is missing", name)
		}
	}
	if got := data["/usr/bin/keyturn-worker"].data; got != "worker" {
		t.Errorf("the worker is %q", got)
	}
}

var (
	execStart  = regexp.MustCompile(`(?m)^ExecStart=(\S+)`)
	credential = regexp.MustCompile(`(?m)^LoadCredential=[^:\n]+:(\S+)`)
)

func TestThePackageHasWhatItsUnitsNeed(t *testing.T) {
	t.Parallel()
	_, data := unpackDeb(t, aDeb(t, "arm64"))
	for _, program := range []string{"console", "scheduler", "worker"} {
		unit := data["/usr/lib/systemd/system/keyturn-"+program+".service"].data
		for _, line := range []string{"DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes"} {
			if !strings.Contains(unit, "\n"+line+"\n") {
				t.Errorf("%s: no %s", program, line)
			}
		}
		if strings.Contains(unit, "/usr/local") {
			t.Errorf("%s: names a folder that no package may touch:\n%s", program, unit)
		}
		started := execStart.FindAllStringSubmatch(unit, -1)
		if len(started) != 1 || data[started[0][1]].data != program {
			t.Errorf("%s: %q does not start it", program, started)
		}
		loaded := credential.FindAllStringSubmatch(unit, -1)
		if len(loaded) == 0 {
			t.Errorf("%s: no secret is handed over", program)
		}
		for _, file := range loaded {
			if folder := data[path.Dir(file[1])]; folder.Mode != 0o700 {
				t.Errorf("%s: %s is in a folder of mode %o", program, file[1], folder.Mode)
			}
		}
	}
}

func TestThePackageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	for _, arch := range []string{"amd64", "arm64"} {
		control, data := unpackDeb(t, aDeb(t, arch))
		// Nothing in /etc is a file: `rotatectl init` writes the configuration, and an upgrade has nothing to ask.
		if got, want := slices.Sorted(maps.Keys(control)), []string{"/control", "/md5sums", "/postinst", "/postrm", "/prerm"}; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", arch, got, want)
		}
		for _, field := range []string{
			"Package: keyturn", "Version: 1.2.0", "Architecture: " + arch, "Section: admin", "Priority: optional", "Suggests: redis-server",
			"Description: rotates credentials that live at third-party providers",
		} {
			if !strings.Contains("\n"+control["/control"].data, "\n"+field+"\n") {
				t.Errorf("%s: no %q in\n%s", arch, field, control["/control"].data)
			}
		}
		files := 0
		for _, m := range data {
			if m.Typeflag == tar.TypeReg {
				files++
			}
		}
		if sums := strings.Count(control["/md5sums"].data, "\n"); sums != files {
			t.Errorf("%s: %d checksums of %d files", arch, sums, files)
		}
	}
}

func TestDebianOrdersVersionsAsWeDo(t *testing.T) {
	t.Parallel()
	ordered := []struct{ described, want string }{
		{"4b825dc642cb", "0~20261130022433.4b825dc642cb"},
		{"4b825dc642cb-dirty", "0~20261130022433.4b825dc642cb+dirty"},
		{"v1.2.0-beta-2", "1.2.0~beta.2"},
		{"v1.2.0-rc.1", "1.2.0~rc.1"},
		{"v1.2.0-rc.1-3-g4b825dc642cb", "1.2.0~rc.1+3.g4b825dc642cb"},
		{"v1.2.0", "1.2.0"},
		{"v1.2.0-12-g4b825dc642cb", "1.2.0+12.g4b825dc642cb"},
		{"v1.2.1", "1.2.1"},
		{"v1.10.0", "1.10.0"},
	}
	for i, v := range ordered {
		if got := debVersion(stamp{version: v.described, date: aStamp.date}); got != v.want {
			t.Errorf("%s: %s, want %s", v.described, got, v.want)
		}
		if dpkg, err := exec.LookPath("dpkg"); err == nil && i > 0 {
			if err := exec.CommandContext(t.Context(), dpkg, "--compare-versions", ordered[i-1].want, "lt", v.want).Run(); err != nil {
				t.Errorf("%s is not before %s: %v", ordered[i-1].want, v.want, err)
			}
		}
	}
}

// TestAnUpgradeRestartsWhatRunsAndAnInstallationNothing runs the package's scripts with a systemctl that tells what it is asked.
func TestAnUpgradeRestartsWhatRunsAndAnInstallationNothing(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "systemctl"), []byte("#!/bin/sh\necho \"$*\"\n[ \"$1\" != try-restart ]\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	const reload, workersFirst = "daemon-reload\n", "try-restart keyturn-worker.service\ntry-restart keyturn-scheduler.service\ntry-restart keyturn-console.service\n"
	for _, c := range []struct{ script, args, want string }{
		{"postinst", "configure", reload},
		{"postinst", "configure 1.1.0", reload + workersFirst}, // and none of them starts
		{"postinst", "abort-upgrade 1.1.0", ""},
		{"prerm", "upgrade 1.3.0", ""},
		{"prerm", "remove", "disable --now keyturn-worker.service keyturn-scheduler.service keyturn-console.service\n"},
		{"postrm", "remove", reload},
		{"postrm", "purge", ""},
	} {
		text, err := os.ReadFile(filepath.Join("debian", c.script))
		if err != nil {
			t.Fatal(err)
		}
		for running, want := range map[string]string{t.TempDir(): c.want, "/nonexistent": ""} {
			script := strings.ReplaceAll(string(text), "/run/systemd/system", running)
			cmd := exec.CommandContext(t.Context(), "sh", slices.Concat([]string{"-c", script, c.script}, strings.Fields(c.args))...)
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
			if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
				t.Errorf("%s %s: %v, it asks for %q, want %q", c.script, c.args, err, out, want)
			}
		}
	}
}
