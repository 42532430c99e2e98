package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/providers"
)

func TestAConfigurationToBeginWithIsRightForEachProvider(t *testing.T) {
	t.Parallel()
	for _, p := range providers.All() {
		file := filepath.Join(t.TempDir(), "keyturn.yaml")
		out, _, err := ask(t, "init", "--provider", p.Code, "--config", file)
		if err != nil || !strings.Contains(out, "rotatectl config check --config "+file+"\n") {
			t.Errorf("%s: %v: %s", p.Code, err, out)
			continue
		}
		if cfg, err := config.Load(file, providers.All()); err != nil || len(cfg.Warnings) > 0 {
			text, _ := os.ReadFile(file)
			t.Errorf("%s: %v\n%s", p.Code, err, text)
		}
		if _, _, err := ask(t, "init", "--provider", p.Code, "--config", file); err == nil || !strings.Contains(err.Error(), "is there already: remove it, or name another file") {
			t.Errorf("a configuration is overwritten: %v", err)
		}
	}
}

func TestAConfigurationForNoProviderNamesThem(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keyturn.yaml")
	for _, args := range [][]string{{"init", "--config", file}, {"init", "--provider", "ses", "--config", file}} {
		_, _, err := ask(t, args...)
		for _, p := range providers.All() {
			if err == nil || !strings.Contains(err.Error(), p.Code) || !strings.Contains(err.Error(), p.Name) {
				t.Errorf("%v: %s is not named: %v", args, p.Code, err)
			}
		}
		if _, err := os.Stat(file); err == nil {
			t.Error("it is written all the same")
		}
	}
}

func TestAConfigurationThatIsNotThereSaysHowToBegin(t *testing.T) {
	t.Parallel()
	_, _, err := ask(t, "status", "--config", filepath.Join(t.TempDir(), "keyturn.yaml"))
	if err == nil || !strings.Contains(err.Error(), "no such file or directory (rotatectl init writes a configuration to begin with)") {
		t.Errorf("got %v", err)
	}
}
