// Package compose_test checks docker-compose.yml and the Dockerfile as they stand, without an engine: what they promise
// has to be written there. scripts/compose-check runs them.
package compose_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// root is the source tree.
const root = "../.."

// load reads docker-compose.yml as `docker compose` does, with nothing set in the environment.
func load(t *testing.T, profiles ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")},
		cli.WithName("keyturn"), cli.WithProfiles(profiles), cli.WithDiscardEnvFile)
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// services returns every service of the demo.
func services(t *testing.T) types.Services {
	t.Helper()
	return load(t, "demo").Services
}

// service returns one service of the demo.
func service(t *testing.T, name string) types.ServiceConfig {
	t.Helper()
	s, err := load(t, "demo").GetService(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ours tells keyturn's own services from the ones that it needs.
func ours(s types.ServiceConfig) bool { return strings.HasPrefix(s.Image, "keyturn:") }

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// mounted returns the volume at or above a path inside a container; "" if what is written there is lost.
func mounted(s types.ServiceConfig, path string) string {
	for _, v := range s.Volumes {
		if v.Type == types.VolumeTypeVolume && !v.ReadOnly && (path == v.Target || strings.HasPrefix(path, v.Target+"/")) {
			return v.Source
		}
	}
	return ""
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }
