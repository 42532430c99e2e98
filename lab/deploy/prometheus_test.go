package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const prometheus = "../../deploy/prometheus"

// alert is a rule of keyturn.rules.yml.
type alert struct {
	Name        string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string  `yaml:"name"`
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(read(t, prometheus, "keyturn.rules.yml")))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	if len(file.Groups) != 1 || len(file.Groups[0].Rules) < 10 {
		t.Fatalf("read %+v", file)
	}
	return file.Groups[0].Rules
}

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// promtool builds the tool that operators have, without the service discoveries that make it large.
func promtool(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "promtool")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "remove_all_sd", "-o", file, "github.com/prometheus/prometheus/cmd/promtool")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

func TestTheRulesPassTheirTests(t *testing.T) {
	t.Parallel()
	tool := promtool(t)
	for _, args := range [][]string{{"check", "rules", "--lint-fatal", "keyturn.rules.yml"}, {"test", "rules", "keyturn.rules.test.yml"}} {
		cmd := exec.CommandContext(t.Context(), tool, args...)
		cmd.Dir = prometheus
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

func TestEveryAlertIsProvokedAndKeptQuietByATest(t *testing.T) {
	t.Parallel()
	var file struct {
		Tests []struct {
			Alerts []struct {
				Name string `yaml:"alertname"`
				Want []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	if err := yaml.Unmarshal(read(t, prometheus, "keyturn.rules.test.yml"), &file); err != nil {
		t.Fatal(err)
	}
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, a := range test.Alerts {
			fires[a.Name] = fires[a.Name] || len(a.Want) > 0
			quiet[a.Name] = quiet[a.Name] || len(a.Want) == 0
		}
	}
	for _, a := range alerts(t) {
		if !fires[a.Name] || !quiet[a.Name] {
			t.Errorf("%s: a test has it fire: %t, and not fire: %t", a.Name, fires[a.Name], quiet[a.Name])
		}
	}
}

func TestEveryAlertSaysHowUrgentItIsAndWhatToDo(t *testing.T) {
	t.Parallel()
	sections := anchors(t, "../../docs/runbook.md")
	page := string(read(t, prometheus, "README.md"))
	for _, a := range alerts(t) {
		if s := a.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q", a.Name, s)
		}
		if a.Annotations["summary"] == "" {
			t.Errorf("%s has no summary", a.Name)
		}
		anchor, ok := strings.CutPrefix(a.Annotations["runbook"], "docs/runbook.md#")
		if !ok || !slices.Contains(sections, anchor) {
			t.Errorf("%s: no section %q", a.Name, a.Annotations["runbook"])
		}
		if !strings.Contains(page, "\n| `"+a.Name+"` |") {
			t.Errorf("%s is not in deploy/prometheus/README.md", a.Name)
		}
	}
}

func TestEveryAlertAsksForWhatIsExported(t *testing.T) {
	t.Parallel()
	for _, a := range alerts(t) {
		checkQuery(t, a.Name, a.Expr)
	}
}

var (
	headingLine = regexp.MustCompile(`(?m)^#+ (.+)$`)
	noAnchor    = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are those of a page's headings.
func anchors(t *testing.T, page string) []string {
	t.Helper()
	var all []string
	for _, m := range headingLine.FindAllStringSubmatch(string(read(t, page)), -1) {
		all = append(all, strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return all
}
