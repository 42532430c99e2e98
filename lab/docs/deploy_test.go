package docs

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv"
)

// copied has the files of a folder of deploy beside the reader, whose page is typed there.
func copied(t *testing.T, r *reader, folder string) (examples []string) {
	t.Helper()
	if err := os.CopyFS(r.dir, os.DirFS(filepath.Join(repository(t), "deploy", folder))); err != nil {
		t.Fatal(err)
	}
	examples, _ = steps(pages(t)["deploy/"+folder+"/README.md"])
	if len(examples) == 0 {
		t.Fatal("the page has no examples")
	}
	return examples
}

// TestVaultIsPreparedAsItsPageSays logs in as a worker with each file that the page has written.
func TestVaultIsPreparedAsItsPageSays(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	r := newReader(t, port)
	r.env = append(r.env, "VAULT_ADDR=http://"+loopback(port), "VAULT_TOKEN=of-this-test")
	examples := []string{"vault server -dev -dev-root-token-id=$VAULT_TOKEN > vault.log 2>&1 &\nuntil vault status; do sleep 1; done > status.log 2>&1\n"}
	examples = append(examples, copied(t, r, "vault")...)
	examples = slices.DeleteFunc(examples, func(example string) bool { return strings.Contains(example, "kubernetes_host") }) // it asks for a cluster
	for _, secretID := range []string{"$(cat secret-id)", "$(VAULT_TOKEN=$(cat wrapped) vault write -force -field=secret_id sys/wrapping/unwrap)"} {
		examples = append(examples, `
VAULT_TOKEN=$(vault write -field=token auth/approle/login role_id="$(cat role-id)" secret_id="`+secretID+`") vault read -field=policies auth/token/lookup-self
`)
	}
	shown := r.follow(t, append(examples, "kill %1\nwait\n"))
	for _, login := range shown[len(shown)-3 : len(shown)-1] {
		if strings.TrimSpace(login) != "[keyturn-worker]" {
			t.Errorf("a login has the policies %s", login)
		}
	}
}

// TestTheUserOfThePageMayLogInAtRedis fills in the password as the page does, with the tools of Linux.
func TestTheUserOfThePageMayLogInAtRedis(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("the page is for Linux")
		return
	}
	r := newReader(t, freePort(t))
	r.follow(t, copied(t, r, "redis"))
	password, err := os.ReadFile(filepath.Join(r.dir, "redis-password"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := devenv.StartRedis(t.Context(), devenv.RedisOptions{Args: []string{"--aclfile", filepath.Join(r.dir, "users.acl")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	for name, right := range map[string]bool{string(password): true, "another": false} {
		client := redis.NewClient(&redis.Options{Addr: server.Addr, Username: "keyturn", Password: name})
		if err := client.Ping(t.Context()).Err(); (err == nil) != right {
			t.Errorf("the right password %v: %v", right, err)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}
