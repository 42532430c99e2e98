package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox/core"
)

// TestNoSecretAppearsOutsideOfVault drives every kind of outcome through the real programs, and then looks for every
// secret that there was in everything that they left behind.
func TestNoSecretAppearsOutsideOfVault(t *testing.T) {
	t.Parallel()
	c := newCanary(t)
	rdb := redis.NewClient(&redis.Options{Addr: c.Redis.Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	written := monitor(t, c.Redis.Addr)

	c.rotate()
	c.refuse()
	c.repair()
	c.complain()

	secrets := c.secrets()
	places := c.places(rdb)
	places["everything ever sent to Redis"] = written()
	if found := search(places, secrets); len(found) > 0 {
		t.Errorf("secrets stand in:\n%s", strings.Join(found, "\n"))
	}
	c.control(rdb, secrets)
}

type canary struct {
	*apptest.Stage
	t         *testing.T
	good      []apptest.Credential // those that end well
	lost      apptest.Credential   // the provider does not know its target any more
	refused   apptest.Credential   // the provider refuses the keys
	adopted   apptest.Credential   // a person has set its password by hand
	processes []*apptest.Process
	output    map[string]string // of rotatectl, by arguments
}

func newCanary(t *testing.T) *canary {
	t.Helper()
	c := &canary{Stage: apptest.New(t), t: t, output: map[string]string{}}
	for _, kind := range []core.Kind{
		core.LoseReply, core.RateLimit, core.Repeat, core.Reject, core.ServerError, core.HTML,
		core.Truncated, core.LoseRequest, core.Propagation,
	} {
		name := strings.ReplaceAll(string(kind), "_", "-")
		c.good = append(c.good, c.SES(name))
		c.Fault(c.good[len(c.good)-1], kind)
	}
	for _, kind := range []core.Kind{core.LoseReply, core.RateLimit, core.NotSynced, core.HTML} {
		name := strings.ReplaceAll(string(kind), "_", "-") + ".kirim"
		c.good = append(c.good, c.Kirim(name))
		c.Fault(c.good[len(c.good)-1], kind)
	}
	c.good = append(c.good, c.SES("clean"), c.Kirim("clean.kirim"))
	c.lost, c.refused = c.SES("lost", "first: manual"), c.Kirim("refused", "first: manual")
	c.adopted = c.SES("adopted", "first: manual")
	c.Fault(c.lost, core.NotFound)
	c.Configure(apptest.Settings{})
	c.processes = []*apptest.Process{c.Start("worker"), c.Start("worker"), c.Start("scheduler")}
	return c
}

// ctl runs rotatectl and keeps what it says.
func (c *canary) ctl(args ...string) (status int) {
	c.t.Helper()
	return c.ctlIn("", args...)
}

func (c *canary) ctlIn(input string, args ...string) (status int) {
	c.t.Helper()
	out, status := c.CtlIn(input, args...)
	c.output[strings.Join(args, " ")] += out
	return status
}

// rotate waits for the scheduled rotations, and for one of each on demand.
func (c *canary) rotate() {
	c.t.Helper()
	ids := make([]string, len(c.good))
	for i, cred := range c.good {
		ids[i] = cred.ID
		c.Until(cred.ID+" is rotated on schedule", func() bool { return c.Settled(cred, 1) })
	}
	if status := c.ctl(append([]string{"rotate", "--wait", "--timeout", "40s"}, ids...)...); status != 0 {
		c.t.Errorf("rotate: exit status %d: %v", status, c.output)
	}
	for _, cred := range c.good {
		if !c.Settled(cred, 2) {
			c.t.Errorf("%s was not rotated twice", cred.ID)
		}
	}
}

// refuse brings a credential into quarantine, and has the management key refused until the breaker opens.
func (c *canary) refuse() {
	c.t.Helper()
	if status := c.ctl("rotate", "--wait", c.lost.ID); status != 1 {
		c.t.Errorf("a target that is not known: exit status %d", status)
	}
	if j := c.Journal(c.lost); j.State != "quarantined" {
		c.t.Errorf("a target that is not known: the journal is %s", j.State)
	}
	c.Fault(c.refused, core.Unauthorized, func(f *core.Fault) { f.Count = 2 })
	c.Until("the breaker opens", func() bool {
		if status := c.ctl("rotate", "--wait", "--timeout", "1s", c.refused.ID); status != 1 {
			c.t.Errorf("a key that is refused: exit status %d", status)
		}
		return slices.ContainsFunc(c.processes, func(p *apptest.Process) bool { return strings.Contains(p.Output(), "breaker changed") })
	})
	if status := c.ctl("rotate", "--wait", "--timeout", "30s", c.refused.ID); status != 0 {
		c.t.Errorf("a key that works again: exit status %d: %v", status, c.output)
	}
}

// wrong is a password that a person mistypes.
const wrong = "mistyped-Kx4Wq9Tz2Rb7"

// repair lets rotatectl handle passwords itself, and then workers for it.
func (c *canary) repair() {
	c.t.Helper()
	live := "by-hand-" + rand.Text()
	if err := c.Box.SetPassword(c.adopted.Provider, c.adopted.Target, live); err != nil {
		c.t.Fatal(err)
	}
	if status := c.ctlIn(wrong+"\n", "adopt", c.adopted.ID); status != 1 {
		c.t.Errorf("a wrong password is adopted: exit status %d", status)
	}
	if status := c.ctlIn(live+"\n", "adopt", c.adopted.ID); status != 0 || c.Current(c.adopted).Password != live {
		c.t.Errorf("the live password is adopted: exit status %d: %v", status, c.output)
	}
	c.ctl("recover", c.adopted.ID)
	if status := c.ctl("recover", c.lost.ID); status != 0 || !c.Settled(c.lost, 1) {
		c.t.Errorf("recover: exit status %d: %v", status, c.output)
	}
	// The same through the queue.
	if status := c.ctl("recover", "--by-worker", "--wait", c.adopted.ID); status != 0 {
		c.t.Errorf("recover by a worker: exit status %d: %v", status, c.output)
	}
	c.ctl("retry", "--by-worker", "--wait", "--timeout", "20s", c.lost.ID)
	c.ctl("release", "--by-worker", "--wait", c.lost.ID)
	c.ctlIn("yes\n"+c.lost.ID+"\n", "abandon", "--by-worker", "--wait", c.lost.ID)
}

// complain makes the programs say what is wrong with a configuration that holds a key.
func (c *canary) complain() {
	c.t.Helper()
	c.ctl("status")
	c.ctl("status", "-o", "json")
	c.ctl("config", "check", "--secrets")
	good, err := os.ReadFile(filepath.Join(c.Dir, "keyturn.yaml"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.WriteFile("keyturn.yaml", strings.Replace(string(good), "{file: ses-key}", c.Keys.SESKey, 1))
	for _, p := range c.processes {
		c.Until(p.Name+" is not ready", func() bool {
			status, body := p.Get("/readyz")
			c.output[p.Name+" /readyz while broken"] = body
			return status != 200
		})
	}
	c.ctl("config", "check")
	c.WriteFile("keyturn.yaml", string(good))
	for _, p := range c.processes {
		c.Until(p.Name+" is ready again", func() bool { status, _ := p.Get("/readyz"); return status == 200 })
	}
}

// secrets are the management keys, Vault's token, and every password that ever was a candidate, current or live.
func (c *canary) secrets() []string {
	c.t.Helper()
	secrets := []string{
		c.Vault.Token, c.Keys.SESID, c.Keys.SESKey, c.Keys.KirimUser, c.Keys.KirimToken, wrong,
	}
	for _, cred := range c.Creds {
		target := c.Target(cred)
		secrets = append(secrets, target.Live, target.Previous, target.Serving)
		for version := c.Current(cred).Version; version > 0; version-- {
			secrets = append(secrets, c.CurrentAt(cred.Path, version).Password)
		}
		for version := c.Journal(cred).Version; version > 0; version-- {
			for _, candidate := range c.JournalAt(cred, version).Candidates {
				secrets = append(secrets, candidate.Value)
			}
		}
	}
	slices.Sort(secrets)
	secrets = slices.DeleteFunc(slices.Compact(secrets), func(s string) bool { return s == "" })
	if least := 6 + 2*len(c.good); len(secrets) < least {
		c.t.Fatalf("%d secrets are fewer than there must be, %d", len(secrets), least)
	}
	return secrets
}

// places are everything that the programs left behind, by name.
func (c *canary) places(rdb *redis.Client) map[string]string {
	c.t.Helper()
	places := dump(c.t, rdb)
	for what, out := range c.output {
		places["rotatectl "+what] = out
	}
	for i, p := range c.processes {
		name := fmt.Sprintf("%s %d", p.Name, i)
		places[name+" log"] = p.Output()
		for _, path := range []string{"/metrics", "/readyz", "/healthz"} {
			_, places[name+path] = p.Get(path)
		}
		args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID()))
		if err != nil && !os.IsNotExist(err) { // a system without /proc
			c.t.Fatal(err)
		}
		places[name+" arguments"] = string(args)
	}
	return places
}

// control shows that a secret would be found wherever it stood.
func (c *canary) control(rdb *redis.Client, secrets []string) {
	c.t.Helper()
	ctx := c.t.Context()
	key := func(kind string) string { return "planted-" + kind }
	if _, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, key("string"), "x"+secrets[0], 0)
		p.RPush(ctx, key("list"), "y", secrets[1]+"x")
		p.HSet(ctx, key("hash"), "field", secrets[2])
		p.HSet(ctx, key("field"), secrets[3], "value")
		p.SAdd(ctx, key("set"), secrets[4])
		p.ZAdd(ctx, key("zset"), redis.Z{Member: secrets[5]})
		p.XAdd(ctx, &redis.XAddArgs{Stream: key("stream"), Values: []string{"field", secrets[6]}})
		p.Set(ctx, "planted-"+secrets[7], "", 0)
		return nil
	}); err != nil {
		c.t.Fatal(err)
	}
	log, err := os.OpenFile(c.processes[0].Log, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = fmt.Fprintf(log, "url=https://example.com/?Password=%s\n", url.QueryEscape(secrets[0]))
	}
	if err != nil {
		c.t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		c.t.Fatal(err)
	}
	found := search(c.places(rdb), secrets)
	if len(found) != 9 {
		c.t.Errorf("of 9 planted secrets %d were found:\n%s", len(found), strings.Join(found, "\n"))
	}
}

// search returns the places in which a secret stands, without the secret.
func search(places map[string]string, secrets []string) []string {
	var found []string
	for name, text := range places {
		for i, secret := range secrets {
			if slices.ContainsFunc(disguises(secret), func(s string) bool { return strings.Contains(name+"\n"+text, s) }) {
				found = append(found, fmt.Sprintf("%s: secret %d", strings.ReplaceAll(name, secret, "…"), i))
			}
		}
	}
	slices.Sort(found)
	return found
}

// disguises are the forms in which a secret travels.
func disguises(secret string) []string {
	quoted, _ := json.Marshal(secret) // a string
	return []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`), strings.Trim(fmt.Sprintf("%q", secret), `"`),
		base64.StdEncoding.EncodeToString([]byte(secret)), fmt.Sprintf("%x", secret),
	}
}
