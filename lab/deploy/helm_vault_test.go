package deploy

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
)

// login is what a pod may show Vault: its ServiceAccount, the role that it asks for, and for whom its token is.
type login struct{ account, role, audience, file string }

func loginOf(p pod) login {
	l := login{account: p.spec.ServiceAccountName}
	for _, env := range p.spec.Containers[0].Env {
		if env.Name == "KEYTURN_VAULT_ROLE" {
			l.role = env.Value
		}
	}
	for _, v := range p.spec.Volumes {
		if v.Name != "vault-token" {
			continue
		}
		token := v.Projected.Sources[0].ServiceAccountToken
		at := slices.IndexFunc(p.spec.Containers[0].VolumeMounts, func(m core.VolumeMount) bool { return m.Name == v.Name })
		l.audience, l.file = token.Audience, p.spec.Containers[0].VolumeMounts[at].MountPath+"/"+token.Path
	}
	return l
}

func TestEachProgramHasARoleOfItsOwnInVaultAndTheConsoleNone(t *testing.T) {
	t.Parallel()
	const file = "/var/run/secrets/vault/token"
	worker, scheduler := login{"keyturn-worker", "keyturn-worker", "vault", file}, login{"keyturn-scheduler", "keyturn-scheduler", "vault", file}
	all := objects(t, values(t, example))
	for program, want := range map[string]login{"worker": worker, "doctor": worker, "scheduler": scheduler, "console": {account: "keyturn-console"}} {
		if got := loginOf(pods(all)[program]); got != want {
			t.Errorf("the %s has %+v, want %+v", program, got, want)
		}
	}
	auth := configuration(t, all).Stores["default"].Auth
	if auth.RoleFrom.Env != "KEYTURN_VAULT_ROLE" || auth.Secret.File != file {
		t.Errorf("the configuration logs in by %+v", auth)
	}
	for _, account := range of[*core.ServiceAccount](all) {
		if !is(account.AutomountServiceAccountToken, false) {
			t.Errorf("%s is mounted where it is not asked for", account.Name)
		}
	}
}

func TestNoProgramHasTheSecretsOfAnother(t *testing.T) {
	t.Parallel()
	const under = "/etc/keyturn/secrets/"
	for set, want := range map[string]map[string]string{
		"testdata/helm/full.values.yaml":     {"worker": "redis tencent", "doctor": "redis tencent", "scheduler": "redis", "console": "redis console"},
		"testdata/helm/existing.values.yaml": {"worker": "fleet-redis fleet-worker-approle", "scheduler": "fleet-redis fleet-scheduler-approle", "console": "fleet-redis"},
	} {
		found := pods(objects(t, values(t, set)))
		for program, names := range want {
			var got []string
			for _, at := range mounted(found[program]) {
				if name, ok := strings.CutPrefix(at, under); ok {
					got = append(got, name)
				}
			}
			if strings.Join(got, " ") != names {
				t.Errorf("%s: the %s has %q, want %s", set, program, got, names)
			}
		}
	}
}

var vaultRole = regexp.MustCompile(`(?s)for role in ([a-z -]+); do\s+vault write "auth/kubernetes/role/\$role" \\\s+` +
	`bound_service_account_names="\$role" bound_service_account_namespaces=(\S+) audience=(\S+) \\\s+token_policies="\$role"`)

func TestThePageOfVaultMakesTheRolesThatTheChartAsksFor(t *testing.T) {
	t.Parallel()
	m := vaultRole.FindSubmatch(read(t, "../../deploy/vault/README.md"))
	if m == nil {
		t.Fatal("deploy/vault/README.md makes no roles of Kubernetes")
	}
	found := pods(objects(t, values(t, example)))
	var roles []string
	for _, program := range []string{"worker", "scheduler"} {
		l := loginOf(found[program])
		if l.account != l.role || string(m[2]) != namespace || string(m[3]) != l.audience {
			t.Errorf("the page makes a role in %s for %s, and the %s has %+v", m[2], m[3], program, l)
		}
		roles = append(roles, l.role)
	}
	if string(m[1]) != strings.Join(roles, " ") {
		t.Errorf("the page makes %s, and the chart asks for %q", m[1], roles)
	}
}
