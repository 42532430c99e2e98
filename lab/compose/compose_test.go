package compose_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"
)

func TestOnlyTheSandboxIsForTheDemo(t *testing.T) {
	t.Parallel()
	always := []string{"console", "redis", "scheduler", "setup", "vault", "worker"}
	if got := sorted(load(t).ServiceNames()); !slices.Equal(got, always) {
		t.Errorf("without a profile: %v, want %v", got, always)
	}
	if got, want := sorted(load(t, "demo").ServiceNames()), sorted(append(always, "sandbox")); !slices.Equal(got, want) {
		t.Errorf("profile demo: %v, want %v", got, want)
	}
}

func TestEveryServiceIsWatchedAndRestarted(t *testing.T) {
	t.Parallel()
	for name, s := range services(t) {
		if s.HealthCheck == nil || s.HealthCheck.Disable || len(s.HealthCheck.Test) < 2 || s.HealthCheck.Test[0] != "CMD" {
			t.Errorf("%s: has no health check that does without a shell", name)
		}
		if s.Restart != "unless-stopped" {
			t.Errorf("%s: restart: %q", name, s.Restart)
		}
		if s.Image == "" {
			t.Errorf("%s: has no image name, so docker-compose 1.29 would make one up", name)
		}
	}
}

func TestServicesWaitUntilWhatTheyNeedIsHealthy(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"worker", "scheduler"} {
		s := service(t, name)
		for _, need := range []string{"redis", "vault", "setup"} {
			if got := s.DependsOn[need].Condition; got != types.ServiceConditionHealthy {
				t.Errorf("%s waits for %s until %q", name, need, got)
			}
		}
	}
}

func TestTheConsoleSeesNothingOfVault(t *testing.T) {
	t.Parallel()
	s := service(t, "console")
	for _, need := range []string{"redis", "setup"} {
		if got := s.DependsOn[need].Condition; got != types.ServiceConditionHealthy {
			t.Errorf("it waits for %s until %q", need, got)
		}
	}
	if _, waits := s.DependsOn["vault"]; waits {
		t.Error("it waits for Vault, which it does not need")
	}
	var config struct {
		Console struct {
			URL    string                                   `yaml:"url"`
			Tokens map[string]struct{ File, SHA256 string } `yaml:"tokens"`
		} `yaml:"console"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/compose/keyturn.yaml")), &config); err != nil {
		t.Fatal(err)
	}
	if len(s.Ports) != 1 || config.Console.URL != "http://127.0.0.1:"+s.Ports[0].Published {
		t.Errorf("console.url is %q, and the ports are %v", config.Console.URL, s.Ports)
	}
	for name, token := range config.Console.Tokens {
		if token.SHA256 != "" || !strings.HasPrefix(token.File, "/run/keyturn/console/") {
			t.Errorf("the token %s is in no file of the volume", name)
		}
	}
	targets := map[string]bool{"/etc/keyturn/keyturn.yaml": true, "/run/keyturn/console": true, "/run/keyturn/redis": true}
	for _, v := range s.Volumes {
		if !targets[v.Target] || !v.ReadOnly {
			t.Errorf("it has %s, read-only: %v", v.Target, v.ReadOnly)
		}
	}
}

func TestThereAreTwoWorkersAndThereMayBeMore(t *testing.T) {
	t.Parallel()
	s := service(t, "worker")
	if s.Scale == nil || *s.Scale != 2 || s.ContainerName != "" || s.Hostname != "" || len(s.Ports) > 0 {
		t.Errorf("scale %v, container name %q, host name %q, ports %v", s.Scale, s.ContainerName, s.Hostname, s.Ports)
	}
}

// What stops must outlast what it is doing: a provider call, and the 5 s that a worker adds to it.
func TestWorkersGetMoreTimeToStopThanAProviderCallTakes(t *testing.T) {
	t.Parallel()
	const byDefault, grace = 10 * time.Second, 5 * time.Second
	var config struct {
		Timing struct {
			Call time.Duration `yaml:"provider_timeout"`
		} `yaml:"timing"`
		Accounts map[string]struct {
			Timeout time.Duration `yaml:"timeout"`
		} `yaml:"accounts"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/compose/keyturn.yaml")), &config); err != nil {
		t.Fatal(err)
	}
	longest := max(byDefault, config.Timing.Call)
	for _, account := range config.Accounts {
		longest = max(longest, account.Timeout)
	}
	period := service(t, "worker").StopGracePeriod
	if period == nil || time.Duration(*period) <= longest+grace {
		t.Errorf("a worker has %v to stop, a call may take %v and %v of grace", period, longest, grace)
	}
}

var secretName = regexp.MustCompile(`(?i)token|secret|password|passwd|credential|_key|access.?key`)

func TestNoSecretStandsInTheFile(t *testing.T) {
	t.Parallel()
	project := load(t, "demo")
	if len(project.Secrets) > 0 || len(project.Configs) > 0 {
		t.Error("secrets and configs may be written inline: use volumes and files")
	}
	for name, s := range services(t) {
		for variable, value := range s.Environment {
			if secretName.MatchString(variable) && value != nil && *value != "" {
				t.Errorf("%s: the environment gives %s a value", name, variable)
			}
		}
		for _, argument := range slices.Concat([]string(s.Command), []string(s.Entrypoint), []string(s.HealthCheck.Test)) {
			if flag, value, ok := strings.Cut(argument, "="); ok && secretName.MatchString(flag) {
				t.Errorf("%s: argument %s has the value %q", name, flag, value)
			}
		}
		if s.Build != nil && len(s.Build.Args) > 0 {
			t.Errorf("%s: build arguments stay in the image's history", name)
		}
	}
}

func TestNothingIsPrivileged(t *testing.T) {
	t.Parallel()
	for name, s := range services(t) {
		if s.Privileged || len(s.CapAdd) > 0 || len(s.Devices) > 0 || s.Pid != "" || s.Ipc != "" || s.NetworkMode != "" || s.UserNSMode != "" {
			t.Errorf("%s: reaches into the host", name)
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind && !v.ReadOnly {
				t.Errorf("%s: may write to the host's %s", name, v.Source)
			}
		}
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) {
			t.Errorf("%s: is not locked down: read_only %v, cap_drop %v, security_opt %v", name, s.ReadOnly, s.CapDrop, s.SecurityOpt)
		}
		if (s.User == "") != ours(s) || strings.HasPrefix(s.User, "0") { // our image names a user itself
			t.Errorf("%s: runs as %q", name, s.User)
		}
	}
}

func TestPortsAreOpenOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	for name, s := range services(t) {
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %d is open on %q", name, port.Target, port.HostIP)
			}
		}
	}
}

func TestWhatHoldsPasswordsCannotBeReachedFromOutside(t *testing.T) {
	t.Parallel()
	project := load(t, "demo")
	for _, name := range []string{"redis", "vault", "setup", "sandbox"} {
		for network := range service(t, name).Networks {
			if !project.Networks[network].Internal {
				t.Errorf("%s is on %s, which is not internal", name, network)
			}
		}
	}
}

func TestWhatIsMountedExists(t *testing.T) {
	t.Parallel()
	for name, s := range services(t) {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s: %v", name, err) // the engine would make an empty folder of that name
			}
		}
	}
}

func TestImagesHaveATagAndNoHost(t *testing.T) {
	t.Parallel()
	for name, s := range services(t) {
		repository, tag, _ := strings.Cut(s.Image, ":")
		if tag == "" || tag == "latest" {
			t.Errorf("%s: %s has no tag that stays", name, s.Image)
		}
		if host, _, ok := strings.Cut(repository, "/"); ok && strings.ContainsAny(host, ".:") {
			t.Errorf("%s: %s names a host", name, s.Image)
		}
	}
}

// docker-compose 1.29 refuses what it does not know.
func TestTheFileHasNothingThatIsNewerThanDockerCompose129(t *testing.T) {
	t.Parallel()
	var file map[string]any
	if err := yaml.Unmarshal([]byte(read(t, "docker-compose.yml")), &file); err != nil {
		t.Fatal(err)
	}
	for key := range file {
		if !slices.Contains([]string{"services", "networks", "volumes"}, key) && !strings.HasPrefix(key, "x-") {
			t.Errorf("top-level %q", key)
		}
	}
	for name, s := range services(t) {
		for need, how := range s.DependsOn {
			if !how.Required || how.Restart {
				t.Errorf("%s: the dependency on %s says more than a condition", name, need)
			}
		}
		if s.HealthCheck.StartInterval != nil {
			t.Errorf("%s: healthcheck.start_interval", name)
		}
	}
}
