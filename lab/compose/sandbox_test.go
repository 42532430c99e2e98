package compose_test

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"keyturn/internal/sandbox"
	"keyturn/internal/sandbox/core"
)

// argument is the value of a flag in the command of the demo's sandbox.
func argument(t *testing.T, flag string) string {
	t.Helper()
	for _, one := range service(t, "sandbox").Command {
		if value, ok := strings.CutPrefix(one, flag+"="); ok {
			return value
		}
	}
	t.Fatalf("the sandbox is started without %s", flag)
	return ""
}

// ready is what a sandbox with the name of the demo's says, and the port that it was given.
func ready(t *testing.T) (said core.Ready, port int) {
	t.Helper()
	var problem error
	for port = 20000; port < 30000; port += 200 {
		config := core.Config{Listen: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Name: argument(t, "-name"), Now: time.Now}
		server, err := sandbox.Start(t.Context(), config)
		if err != nil {
			problem = err
			continue
		}
		t.Cleanup(func() {
			if err := server.Close(t.Context()); err != nil {
				t.Log(err)
			}
		})
		return server.Ready(), port
	}
	t.Fatal(problem)
	return said, 0
}

// The configuration writes the sandbox's addresses down; what the sandbox says when it is ready decides.
func TestTheConfigurationHasTheAddressesThatTheSandboxNames(t *testing.T) {
	t.Parallel()
	var config struct {
		Accounts map[string]struct {
			Provider, Endpoint string
			Verify             struct{ SMTP struct{ Address, TLS string } }
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/compose/keyturn.yaml")), &config); err != nil {
		t.Fatal(err)
	}
	_, listens, err := net.SplitHostPort(argument(t, "-listen"))
	if err != nil {
		t.Fatal(err)
	}
	said, port := ready(t)
	at := func(address string) string {
		host, own, err := net.SplitHostPort(strings.TrimPrefix(address, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		distance, base := number(t, own)-port, number(t, listens)
		return net.JoinHostPort(host, strconv.Itoa(base+distance))
	}
	for name, account := range config.Accounts {
		smtp := said.SMTP
		if account.Verify.SMTP.TLS == "starttls" {
			smtp = said.STARTTLS
		}
		if want := "http://" + at(said.Providers[account.Provider]); account.Endpoint != want {
			t.Errorf("%s: endpoint %s, want %s", name, account.Endpoint, want)
		}
		if want := at(smtp[account.Provider]); account.Verify.SMTP.Address != want {
			t.Errorf("%s: smtp %s, want %s", name, account.Verify.SMTP.Address, want)
		}
	}
	if len(config.Accounts) == 0 {
		t.Error("no account")
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(fmt.Errorf("port %q: %w", text, err))
	}
	return n
}
