package deploy

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	k8syaml "sigs.k8s.io/yaml"

	"keyturn/internal/duration"
)

// over lays values over the smallest set that there is.
func over(t *testing.T, text string) map[string]any {
	t.Helper()
	laid, err := chartutil.ReadValues([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return chartutil.CoalesceTables(laid, values(t, "testdata/helm/smallest.values.yaml"))
}

func TestAValueThatTheSchemaRefusesIsNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`worker: {replica: 3}`:                                  `at '/worker': additional properties 'replica' not allowed`,
		`password: hunter2`:                                     `additional properties 'password' not allowed`,
		`worker: {replicas: "2"}`:                               `at '/worker/replicas': got string, want integer`,
		`scheduler: {replicas: -1}`:                             `at '/scheduler/replicas': minimum: got -1, want 0`,
		`image: {pullPolicy: Sometimes}`:                        `at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'`,
		`secrets: [{name: redis, password: hunter2}]`:           `at '/secrets/0': got object, want string`,
		`secrets: [Redis_Password]`:                             `at '/secrets/0': 'Redis_Password' does not match pattern`,
		`config: "redis: {}"`:                                   `at '/config': got string, want object`,
		`config: {accounts: {ses: tencent-ses}}`:                `at '/config/accounts/ses': got string, want object`,
		`worker: {restarts: [cronjob/mail/postfix]}`:            `at '/worker/restarts/0': 'cronjob/mail/postfix' does not match pattern`,
		`worker: {terminationGracePeriodSeconds: 1m}`:           `at '/worker/terminationGracePeriodSeconds': got string, want integer`,
		`vault: {roles: {worker: ""}}`:                          `at '/vault/roles/worker': minLength: got 0, want 1`,
		`networkPolicy: {redis: {ports: [redis]}}`:              `at '/networkPolicy/redis/ports/0': got string, want integer`,
		`networkPolicy: {vault: {ports: [82000]}}`:              `at '/networkPolicy/vault/ports/0': maximum: got 82,000, want 65,535`,
		`podDisruptionBudget: {maxUnavailable: 0}`:              `at '/podDisruptionBudget/maxUnavailable': minimum: got 0, want 1`,
		`podDisruptionBudget: {maxUnavailable: half}`:           `at '/podDisruptionBudget/maxUnavailable': 'half' does not match pattern`,
		`topologySpread: [{topologyKey: kubernetes.io/region}]`: `at '/topologySpread/0': missing properties 'maxSkew', 'whenUnsatisfiable'`,
		`monitoring: {podMonitor: {interval: often}}`:           `at '/monitoring/podMonitor/interval': 'often' does not match pattern`,
		`podAnnotations: {example.com/on: true}`:                `at '/podAnnotations/example.com~1on': got boolean, want string`,
	} {
		_, err := render(over(t, text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	_, err := render(map[string]any{"config": map[string]any{"redis": map[string]any{}}})
	if want := `at '/config': missing properties 'vault', 'accounts'`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("half a configuration: got %v, want %s", err, want)
	}
}

func TestValuesThatDoNotGoTogetherAreNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`existingConfigMap: keyturn`:                                                        `config and existingConfigMap: want one of them`,
		`inventory: {existingConfigMap: a, existingClaim: b}`:                               `inventory.existingConfigMap and inventory.existingClaim: want one of them`,
		`vault: {roles: {scheduler: keyturn-worker}}`:                                       `vault.roles: worker and scheduler are both keyturn-worker: `,
		`console: {enabled: true}`:                                                          `console.enabled: config has no section console`,
		`{console: {enabled: true}, config: {console: {url: "http://localhost"}}}`:          `config.console.listen: is 127.0.0.1:8420, and a Service reaches it at 0.0.0.0:8420 alone`,
		`{console: {enabled: true, port: 80}, config: {console: {listen: "0.0.0.0:8420"}}}`: `config.console.listen: is 0.0.0.0:8420, and a Service reaches it at 0.0.0.0:80 alone`,
		`console: {ingress: {enabled: true}}`:                                               `console.ingress.host: is missing`,
		`config: {timing: {provider_timeout: 55s}}`:                                         `worker.terminationGracePeriodSeconds: 60 is too short for config.timing.provider_timeout, which is 55s: want 65 or more`,
		`config: {accounts: {ses: {timeout: 1m30s}}}`:                                       `worker.terminationGracePeriodSeconds: 60 is too short for config.accounts.ses.timeout, which is 1m30s: want 100 or more`,
		`worker: {terminationGracePeriodSeconds: 19}`:                                       `19 is too short for config.timing.provider_timeout, which is 10s: want 20 or more`,
		`config: {vault: {auth: {kubernetes: {role: keyturn-worker}}}}`:                     `config.vault.auth.kubernetes.role: write {env: KEYTURN_VAULT_ROLE}`,
		`config: {vault: {auth: {kubernetes: {token: {file: /token}}}}}`:                    `config.vault.auth.kubernetes.token: write {file: /var/run/secrets/vault/token}`,
		`config: {vault: {stores: {eu: {auth: {kubernetes: {role: one}}}}}}`:                `config.vault.stores.eu.auth.kubernetes.role: write {env: KEYTURN_VAULT_ROLE}`,
		`config: {redis: {address: "redis:6380"}}`:                                          `networkPolicy.redis.ports: 6380 of config.redis.address is not among them`,
		`config: {vault: {address: "https://vault.example.com/"}}`:                          `networkPolicy.vault.ports: 443 of config.vault.address is not among them`,
	} {
		_, err := render(over(t, text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	if _, err := render(nil); err == nil || !strings.Contains(err.Error(), "config: is missing: it is the whole keyturn.yaml as a map") {
		t.Errorf("without values: got %v", err)
	}
}

func TestTheChartReadsDurationsAsTheConfigurationDoes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"500ms", "20s", "90s", "1m30s", "1.5m", "2m", "1m0.5s", "10m"} {
		want, err := duration.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		least := max(int(math.Ceil(want.Seconds()))+10, 15)
		for grace, ok := range map[int]bool{least: true, least - 1: least == 15} {
			set := fmt.Sprintf("{worker: {terminationGracePeriodSeconds: %d}, config: {timing: {provider_timeout: %s}}}", max(grace, 15), text)
			if _, err := render(over(t, set)); (err == nil) != ok {
				t.Errorf("%d s for %s: %v", grace, text, err)
			}
		}
	}
}

func TestTheAlertsOfTheChartAreThoseOfPrometheus(t *testing.T) {
	t.Parallel()
	text := read(t, prometheus, "keyturn.rules.yml")
	golden(t, chart+"/files/keyturn.rules.yml", string(text))
	var want monitoring.PrometheusRuleSpec
	if err := k8syaml.UnmarshalStrict(text, &want); err != nil {
		t.Fatal(err)
	}
	found := of[*monitoring.PrometheusRule](objects(t, values(t, "testdata/helm/full.values.yaml")))
	if len(found) != 1 || !reflect.DeepEqual(found[0].Spec, want) || len(want.Groups) == 0 {
		t.Errorf("got %+v, want %+v", found, want)
	}
}

func TestTheChartAndTheProgramsHaveOneVersion(t *testing.T) {
	t.Parallel()
	c, err := loader.Load(chart)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil || c.Metadata.AppVersion != "v"+c.Metadata.Version {
		t.Errorf("chart %s, programs %s, %v", c.Metadata.Version, c.Metadata.AppVersion, err)
	}
}

// schema is a part of values.schema.json.
type schema struct {
	Ref         string            `json:"$ref"`
	Properties  map[string]schema `json:"properties"`
	Definitions map[string]schema `json:"definitions"`
	Others      json.RawMessage   `json:"additionalProperties"`
}

func TestEveryValueIsExplainedAndKnownToTheSchema(t *testing.T) {
	t.Parallel()
	var root schema
	if err := json.Unmarshal(read(t, chart, "values.schema.json"), &root); err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(read(t, chart, "values.yaml"), &document); err != nil {
		t.Fatal(err)
	}
	var walk func(at string, node *yaml.Node, s schema, explained bool)
	walk = func(at string, node *yaml.Node, s schema, explained bool) {
		if name, ok := strings.CutPrefix(s.Ref, "#/definitions/"); ok {
			s = root.Definitions[name]
		}
		closed := string(s.Others) == "false"
		missing := maps.Clone(s.Properties)
		for i := 0; node.Kind == yaml.MappingNode && i < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			below, known := s.Properties[key.Value]
			if closed && !known {
				t.Errorf("the schema does not know %s%s", at, key.Value)
			}
			delete(missing, key.Value)
			told := explained || key.HeadComment != "" || key.LineComment != "" || value.LineComment != ""
			if block := value.Kind == yaml.MappingNode && value.Style&yaml.FlowStyle == 0; !told && !block {
				t.Errorf("%s%s is not explained", at, key.Value)
			}
			walk(at+key.Value+".", value, below, told && value.Style&yaml.FlowStyle != 0 || strings.HasSuffix(at+key.Value, ".resources"))
		}
		if closed && !strings.Contains(at, ".resources.") && node.Kind == yaml.MappingNode && node.Style&yaml.FlowStyle == 0 && len(missing) > 0 {
			t.Errorf("the schema has %v at %q, and values.yaml has not", slices.Sorted(maps.Keys(missing)), at)
		}
	}
	walk("", document.Content[0], root, false)
}
