package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/config"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/observe"
	"keyturn/internal/providers"
	"keyturn/internal/queue"
	"keyturn/internal/redisx"
	"keyturn/internal/secret"
)

// TestWhateverTheCheckPassesStarts tries every bounded field at, below and above its limits: the check of a configuration
// says what is listed, and of what it passes every part that a process is made of can be made.
func TestWhateverTheCheckPassesStarts(t *testing.T) {
	t.Setenv("KEYTURN_BOUNDS_TOKEN", "a-token")
	t.Setenv("KEYTURN_BOUNDS_KEY", "a-key")
	rdb := redis.NewClient(&redis.Options{Addr: devenvtest.Redis(t).Addr, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword})
	defer rdb.Close()
	for _, test := range limits {
		for _, value := range test.good {
			cfg, err := loadBounded(t, test.place, value)
			if err != nil {
				t.Errorf("%s: the check refuses %q: %v", test.fields, value, err)
			} else if err := makeParts(t, cfg, rdb); err != nil {
				t.Errorf("%s: the check passes %q, and it does not start: %v", test.fields, value, err)
			}
		}
		for _, value := range test.evil {
			if _, err := loadBounded(t, test.place, value); err == nil {
				t.Errorf("%s: the check passes %q", test.fields, value)
			}
		}
	}
}

// TestNoBoundedFieldIsLeftOut holds limits against the reference of the configuration, which another test holds against the
// program.
func TestNoBoundedFieldIsLeftOut(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, l := range limits {
		for _, field := range l.fields {
			tried[field] = true
		}
	}
	heading := regexp.MustCompile("^#+ `(.+)`$")
	row := regexp.MustCompile(`^\| ` + "`([a-z_]+)`" + ` \| [^|]*(number|duration|rate|windows|URL|host:port)[^|]* \|`)
	under, found := "", 0
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if m := heading.FindStringSubmatch(line); m != nil {
			under = m[1]
		}
		if m := row.FindStringSubmatch(line); m != nil {
			found++
			if field := under + " " + m[1]; !tried[field] {
				t.Errorf("nothing tries the limits of %s", field)
			}
		}
	}
	if found == 0 {
		t.Error("the reference has no bounded field")
	}
}

func loadBounded(t *testing.T, field, value string) (*config.Config, error) {
	t.Helper()
	text := bounded
	for name, is := range usual {
		if name == field {
			is = value
		}
		text = strings.ReplaceAll(text, name, is)
	}
	file := filepath.Join(t.TempDir(), "keyturn.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(file, providers.All())
}

// makeParts makes what a process makes of a configuration before anything outside is asked but Redis, at rdb, and the first
// password of each credential.
func makeParts(t *testing.T, cfg *config.Config, rdb redis.UniversalClient) error {
	t.Helper()
	var problems []error
	vault, err := openVault(t.Context(), cfg)
	problems = append(problems, err)
	if err == nil {
		defer vault.Close()
	}
	for cred := range cfg.Credentials() {
		if err == nil {
			_, _, err := vault.Paths(cred)
			problems = append(problems, err)
		}
		_, err := generate(cred.Policy)
		problems = append(problems, err)
	}
	settings, err := redisSettings(t.Context(), cfg.Redis)
	problems = append(problems, err)
	dialled, err := redisx.Dial(settings)
	problems = append(problems, err)
	if err == nil {
		defer func() { _ = dialled.Close() }()
	}
	for name, account := range cfg.Accounts {
		problems = append(problems, queue.AccountSettings{Name: name, Concurrency: account.Concurrency, Timeout: cfg.Timing.TaskTimeout}.Check())
	}
	log, metrics := observe.NewLogger(io.Discard, slog.LevelError), observe.NewMetrics()
	_, err = issuerOf(cfg.Console.OIDC)
	problems = append(problems, err)
	_, err = NewEngine(t.Context(), cfg, rdb, vault, metrics, log)
	problems = append(problems, err)
	_, err = NewSubjects(t.Context(), cfg, nothing, Mail{Redis: rdb, Secrets: vault, Metrics: metrics, Log: log})
	return errors.Join(append(problems, err)...)
}

var errNothing = errors.New("no key of this test stands in Vault")

func nothing(context.Context, string, string, string) (secret.Value, error) {
	return secret.Value{}, errNothing
}
