package main

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"keyturn/internal/devenv"
)

//go:embed keyturn.yaml.tmpl
var configText string

var configTemplate = template.Must(template.New("keyturn.yaml").Parse(configText))

// provider is whose API is called: the one with the most work in a call, a signed header.
const provider = "tencent-ses"

// unlimited is a rate that no run comes near, so that the rate is not what is measured.
const unlimited = "1000000/s"

// plan is what fleets differ in. All else is as shipped.
type plan struct {
	size     int
	accounts int             // 1 if 0
	rate     string          // unlimited if empty
	verify   bool            // by SMTP
	schedule string          // of all; every 30 days if empty
	box      *devenv.Sandbox // the lab's if nil
}

// fleet is a configuration in a folder.
type fleet struct {
	plan
	*devenv.Stage
	name string // ids, targets and paths carry it
	lab  *lab
}

// credentialsFile is what keyturn.yaml includes.
const credentialsFile = "fleet.jsonl"

func (f *fleet) id(i int) string         { return fmt.Sprintf("%s-%07d", f.name, i) }
func (f *fleet) target(i int) string     { return f.id(i) + "@example.com" }
func (f *fleet) path(i int) string       { return fmt.Sprintf("bench/%s/%07d", f.name, i) }
func (f *fleet) account(i int) string    { return fmt.Sprintf("account-%d", i%f.accounts) }
func (f *fleet) file(name string) string { return filepath.Join(f.Dir, name) }

// fleet writes the credentials of a fleet; configure adds the rest once there is a Redis.
func (l *lab) fleet(p plan) (*fleet, error) {
	p.accounts = max(p.accounts, 1)
	if p.rate == "" {
		p.rate = unlimited
	}
	if p.schedule == "" {
		p.schedule = "every: 30d"
	}
	if p.box == nil {
		p.box = l.Box
	}
	l.fleets++
	name := fmt.Sprintf("fleet%d", l.fleets)
	f := &fleet{plan: p, name: name, lab: l, Stage: &devenv.Stage{Dir: filepath.Join(l.Dir, name), Bin: l.Bin, Env: l.Env}}
	if err := os.Mkdir(f.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := f.writeCredentials(); err != nil {
		return nil, err
	}
	return f, f.configure("127.0.0.1:6379")
}

func (f *fleet) writeCredentials() (err error) {
	file, err := os.Create(f.file(credentialsFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	w := bufio.NewWriter(file)
	lines := json.NewEncoder(w)
	for i := range f.size {
		line := map[string]string{"id": f.id(i), "account": f.account(i), "target": f.target(i), "path": f.path(i)}
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
	return w.Flush()
}

// configure writes keyturn.yaml for a Redis.
func (f *fleet) configure(redis string) error {
	names := make([]string, f.accounts)
	for i := range names {
		names[i] = f.account(i)
	}
	return f.Configure(configTemplate, map[string]any{
		"Redis": redis, "Vault": f.lab.Vault.Addr, "Token": filepath.Join(f.lab.Dir, "vault-token"), "Accounts": names, "Rate": f.rate, "Schedule": f.schedule,
		"Provider": provider, "Endpoint": f.box.Providers[provider], "SMTP": f.box.SMTP[provider], "CA": f.box.CAFile, "Verify": f.verify,
		"Digest": consoleDigest(),
	})
}
