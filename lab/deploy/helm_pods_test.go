package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"keyturn/internal/config"
	"keyturn/internal/providers"
)

// pod is what runs for a program, or for the doctor.
type pod struct {
	program string
	labels  map[string]string
	spec    core.PodSpec
}

func pods(all []runtime.Object) map[string]pod {
	found := map[string]pod{}
	for _, d := range of[*apps.Deployment](all) {
		name := d.Labels["app.kubernetes.io/component"]
		found[name] = pod{name, d.Spec.Template.Labels, d.Spec.Template.Spec}
	}
	for _, p := range of[*core.Pod](all) {
		name := p.Labels["app.kubernetes.io/component"]
		found[name] = pod{name, p.Labels, p.Spec}
	}
	return found
}

func TestEveryContainerIsHardened(t *testing.T) {
	t.Parallel()
	for name, values := range sets(t) {
		found := pods(objects(t, values))
		if len(found) < 3 {
			t.Errorf("%s: only %d kinds of pods", name, len(found))
		}
		for program, p := range found {
			s := p.spec.SecurityContext
			if s == nil || !is(s.RunAsNonRoot, true) || !is(s.RunAsUser, 65532) || s.SeccompProfile == nil || s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
				t.Errorf("%s: %s runs with %+v", name, program, s)
			}
			if !is(p.spec.AutomountServiceAccountToken, false) || p.spec.HostNetwork || p.spec.HostPID || p.spec.HostIPC {
				t.Errorf("%s: %s has more of the machine, or of Kubernetes, than it needs", name, program)
			}
			if len(p.spec.Containers) != 1 || len(p.spec.InitContainers) > 0 {
				t.Fatalf("%s: %s has several containers", name, program)
			}
			c := p.spec.Containers[0]
			own := c.SecurityContext
			if own == nil || !is(own.AllowPrivilegeEscalation, false) || !is(own.ReadOnlyRootFilesystem, true) ||
				own.Capabilities == nil || !slices.Equal(own.Capabilities.Drop, []core.Capability{"ALL"}) || len(own.Capabilities.Add) > 0 {
				t.Errorf("%s: %s's container has %+v", name, program, own)
			}
			if c.Resources.Requests.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() || c.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s: %s has no bounds: %+v", name, program, c.Resources)
			}
			for _, m := range c.VolumeMounts {
				if !m.ReadOnly || m.SubPath != "" {
					t.Errorf("%s: %s may write to %s, or never sees it change", name, program, m.MountPath)
				}
			}
		}
	}
}

func is[T comparable](got *T, want T) bool { return got != nil && *got == want }

// What Vault or Redis lack, a restart does not bring, and a console can serve a page that says so.
func TestAPodIsRestartedWhenItHangsAndNotWhenItWaits(t *testing.T) {
	t.Parallel()
	for name, values := range sets(t) {
		for _, d := range of[*apps.Deployment](objects(t, values)) {
			c := d.Spec.Template.Spec.Containers[0]
			ready := "/readyz"
			if c.Name == "console" {
				ready = "/healthz"
			}
			for probe, at := range map[*core.Probe]string{c.StartupProbe: "/healthz", c.LivenessProbe: "/healthz", c.ReadinessProbe: ready} {
				if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != at || probe.HTTPGet.Port.StrVal != c.Ports[0].Name {
					t.Errorf("%s: %s: %s is asked by %+v", name, d.Name, at, probe)
				}
			}
			if c.ReadinessProbe.TimeoutSeconds < 6 {
				t.Errorf("%s: %s: /readyz may take 6 s", name, d.Name)
			}
			if listen := fmt.Sprintf(":%d", c.Ports[0].ContainerPort); c.Command[0] != c.Name || c.Command[len(c.Command)-1] != listen {
				t.Errorf("%s: %s runs %q and is asked at %s", name, d.Name, c.Command, listen)
			}
		}
	}
}

// configuration loads what a ConfigMap has, as a pod finds it: with an inventory, where it names one.
func configuration(t *testing.T, all []runtime.Object) *config.Config {
	t.Helper()
	made := of[*core.ConfigMap](all)
	if len(made) == 0 {
		return nil
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "inventory"), 0o750); err != nil {
		t.Fatal(err)
	}
	fleet := `{"id": "alerts", "account": "ses", "target": "alerts@example.com", "path": "mail/alerts"}`
	text := strings.ReplaceAll(made[0].Data["keyturn.yaml"], "/etc/keyturn/inventory", dir+"/inventory")
	for file, text := range map[string]string{"keyturn.yaml": text, "inventory/fleet.jsonl": fleet} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(filepath.Join(dir, "keyturn.yaml"), providers.All())
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return cfg
}

// A stopping worker lets the provider's call come back, for 5 s beyond its limit, and then closes what it has open.
func TestAWorkerHasLongerToStopThanAProviderCallTakes(t *testing.T) {
	t.Parallel()
	for name, values := range sets(t) {
		all := objects(t, values)
		longest := 10 * time.Second // the default
		if cfg := configuration(t, all); cfg != nil {
			longest = cfg.Timing.ProviderTimeout
			for _, account := range cfg.Accounts {
				longest = max(longest, account.Timeout)
			}
		}
		grace := pods(all)["worker"].spec.TerminationGracePeriodSeconds
		if grace == nil || time.Duration(*grace)*time.Second < longest+10*time.Second {
			t.Errorf("%s: %v s to stop, and a call takes %v", name, grace, longest)
		}
	}
}

func TestARestartIsARightToOneWorkloadAndForWorkersAlone(t *testing.T) {
	t.Parallel()
	all := objects(t, values(t, "testdata/helm/full.values.yaml"))
	var got []string
	for _, r := range of[*rbac.Role](all) {
		rule := r.Rules[0]
		got = append(got, strings.Join([]string{strings.Join(rule.Resources, ","), r.Namespace, strings.Join(rule.ResourceNames, ","), strings.Join(rule.Verbs, ",")}, " "))
	}
	if want := []string{"deployments mail postfix patch", "statefulsets web shop patch"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, b := range of[*rbac.RoleBinding](all) {
		if len(b.Subjects) != 1 || b.Subjects[0].Name != "mailkeys-worker" || b.Subjects[0].Namespace != namespace {
			t.Errorf("%s is for %+v", b.Name, b.Subjects)
		}
	}
	for program, p := range pods(all) {
		if has := slices.Contains(mounted(p), "/var/run/secrets/kubernetes.io/serviceaccount"); has != (program == "worker" || program == "doctor") {
			t.Errorf("the %s has a token for Kubernetes: %t", program, has)
		}
	}
}

func mounted(p pod) []string {
	var at []string
	for _, m := range p.spec.Containers[0].VolumeMounts {
		at = append(at, m.MountPath)
	}
	return at
}

var secretName = regexp.MustCompile(`(?i)token|secret|password|passwd|credential|_key|access.?key`)

func TestNoSecretStandsInAManifest(t *testing.T) {
	t.Parallel()
	for name, values := range sets(t) {
		all := objects(t, values)
		if found := of[*core.Secret](all); len(found) > 0 {
			t.Errorf("%s: the chart makes a Secret: what is in it stood among the values", name)
		}
		for program, p := range pods(all) {
			for _, env := range p.spec.Containers[0].Env {
				if secretName.MatchString(env.Name) && env.Value != "" {
					t.Errorf("%s: %s has the value of %s", name, program, env.Name)
				}
			}
		}
	}
}
