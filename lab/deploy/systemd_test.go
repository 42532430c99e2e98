package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/providers"
)

const systemd = "../../deploy/systemd"

var programPath = regexp.MustCompile(`(?m)^ExecStart=\S+`)

// units copies the units to a folder in which their program exists, whatever is installed on this machine.
func units(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(systemd, "*.service"))
	if err != nil || len(paths) != 3 {
		t.Fatalf("%d units, %v", len(paths), err)
	}
	var copies []string
	for _, path := range paths {
		file := filepath.Join(t.TempDir(), filepath.Base(path))
		text := programPath.ReplaceAll(read(t, path), []byte("ExecStart=/bin/true"))
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		copies = append(copies, file)
	}
	return copies
}

func TestSystemdTakesTheUnitsAndFindsThemHardened(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not installed: the units are not checked by systemd itself")
		return
	}
	for _, unit := range units(t) {
		for _, args := range [][]string{
			{"verify", "--man=no", unit},
			{"security", "--offline=true", "--no-pager", "--threshold=20", unit}, // 2.0 of 10
		} {
			out, err := exec.CommandContext(t.Context(), analyze, args...).CombinedOutput()
			if err != nil || args[0] == "verify" && len(out) > 0 {
				t.Errorf("systemd-analyze %s: %v\n%s", strings.Join(args, " "), err, out)
			}
		}
	}
}

// settings are the assignments of a unit in their order, "Name=value".
func settings(t *testing.T, program string) []string {
	t.Helper()
	var all []string
	for line := range strings.Lines(string(read(t, systemd, "keyturn-"+program+".service"))) {
		if line = strings.TrimSpace(line); strings.Contains(line, "=") && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all
}

func TestAllUnitsAreHardenedAlikeAndDifferInWhatTheyRun(t *testing.T) {
	t.Parallel()
	worker := settings(t, "worker")
	for _, want := range []string{"DynamicUser=yes", "ProtectSystem=strict", "LimitCORE=0", "RestartPreventExitStatus=2", "CapabilityBoundingSet="} {
		if !slices.Contains(worker, want) {
			t.Errorf("the worker's unit has no %s", want)
		}
	}
	for _, program := range []string{"scheduler", "console"} {
		unit := settings(t, program)
		for _, line := range worker {
			if program == "console" && strings.HasPrefix(line, "LoadCredential=vault-") {
				continue // it has no rights in Vault
			}
			if len(unit) == 0 {
				t.Fatalf("the %s's unit ends before %s", program, line)
			}
			own := unit[0]
			unit = unit[1:]
			if own != strings.ReplaceAll(line, "worker", program) && !strings.HasPrefix(own, "Description=") && !strings.HasPrefix(own, "TimeoutStopSec=") {
				t.Fatalf("the %s's unit has %s where the worker's has %s", program, own, line)
			}
		}
		if len(unit) > 0 {
			t.Errorf("the %s's unit has %q besides", program, unit)
		}
	}
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

func TestTheConfigurationOfThePageLoadsAndNamesWhatTheUnitsLoad(t *testing.T) {
	t.Parallel()
	blocks := yamlBlock.FindAllSubmatch(read(t, systemd, "README.md"), -1)
	if len(blocks) != 2 {
		t.Fatalf("the page has %d configurations, want one, and what the console adds to it", len(blocks))
	}
	block := blocks[0]
	file := filepath.Join(t.TempDir(), "keyturn.yaml")
	for _, text := range [][]byte{block[1], slices.Concat(block[1], blocks[1][1])} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(file, providers.All()); err != nil {
			t.Error(err)
		}
	}
	named := regexp.MustCompile(`\$CREDENTIALS_DIRECTORY/([a-z-]+)`).FindAllSubmatch(block[1], -1)
	if len(named) != 3 {
		t.Errorf("it names %d files", len(named))
	}
	for _, program := range []string{"worker", "scheduler"} {
		for _, n := range named {
			want := "LoadCredential=" + string(n[1]) + ":/etc/keyturn/" + program + "/" + string(n[1])
			if !slices.Contains(settings(t, program), want) {
				t.Errorf("the %s's unit has no %s", program, want)
			}
		}
	}
}
