package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"keyturn/internal/config/document"
	"keyturn/internal/config/inventory"
	"keyturn/internal/policy"
	"keyturn/internal/rotation"
)

// Providers are those that an account may name.
type Providers interface {
	// Providers are those that keyturn has with it.
	Providers() []rotation.Provider
	// Describe makes one more from the text of a file of provider_files. It must have none of the codes of others. What is
	// wrong with it is a *document.Errors.
	Describe(file string, text []byte, others ...string) (rotation.Provider, error)
}

// Load reads and checks the configuration at path, with everything that it includes. What is wrong is a *document.Errors.
func Load(path string, providers Providers) (*Config, error) {
	return newLoader(path, providers, &Config{}).load()
}

// load reads everything. After an error cfg still has the names of all files that were to be read.
func (l *loader) load() (*Config, error) {
	if root := l.root(l.cfg.origin.path); root != nil {
		l.main(root)
	}
	if err := l.problems.Err(); err != nil {
		return nil, err
	}
	l.cfg.Warnings = l.problems.Warnings()
	l.cfg.fingerprint = l.cfg.sum()
	return l.cfg, nil
}

// loader is what one Load knows.
type loader struct {
	cfg       *Config
	problems  *document.Problems
	dir       string // of the configuration file: what its paths are relative to
	providers map[string]*rotation.Provider

	schedules map[string]*userSchedule // by the user's names
	policies  map[string]*userPolicy
	defaults  inherited
	inherits  map[*Account]inherited // what the credentials of an account start from

	noPolicy        *userPolicy // where none is named
	resolved        map[policyKey]*policy.Policy
	spelled         map[string]*userSchedule   // by what they say
	marked          map[string]*rotation.Marks // by what they say
	verifications   map[verification]*rotation.Verification
	mailRates       map[string]rotation.Rate // by address of the mail server
	mailRatesDiffer map[string]bool
	blamed          map[blame]bool               // faults of a verification that an account was told of
	accountValues   map[*Account]*document.Value // where each stands
	repeated        map[*Store]bool              // a path repeats the mount, and that was said
	webhooks        []*rawWebhook                // in the order of the file
	fleet           *inventory.Builder           // of cfg
	targets, places *inventory.Claims            // of the credentials
	managed         map[string][]*Account        // accounts by the credential that their keys are from
	grounds         map[string]ground            // where identities are made, by provider, region and name
	current         uint32                       // the file that is being read, in Config.Files
}

// newLoader makes a loader; before is the configuration that the new one will replace.
func newLoader(path string, providers Providers, before *Config) *loader {
	l := &loader{
		cfg: &Config{
			Stores: map[string]*Store{}, Accounts: map[string]*Account{}, marks: map[string]*rotation.Marks{},
			Webhooks: map[string]*Webhook{}, notify: map[string][]Notify{},
			origin: origin{path: path, providers: providers},
		},
		problems: &document.Problems{}, dir: filepath.Dir(path), providers: map[string]*rotation.Provider{},
		schedules: map[string]*userSchedule{}, policies: map[string]*userPolicy{}, inherits: map[*Account]inherited{},
		resolved: map[policyKey]*policy.Policy{}, spelled: map[string]*userSchedule{}, marked: map[string]*rotation.Marks{},
		verifications: map[verification]*rotation.Verification{},
		mailRates:     map[string]rotation.Rate{}, mailRatesDiffer: map[string]bool{},
		blamed: map[blame]bool{}, managed: map[string][]*Account{}, accountValues: map[*Account]*document.Value{}, repeated: map[*Store]bool{},
	}
	l.fleet = inventory.Fill(&l.cfg.Inventory, &before.Inventory)
	l.targets, l.places = l.fleet.Claims(), l.fleet.Claims()
	known := providers.Providers()
	for i := range known {
		l.providers[known[i].Code] = &known[i]
	}
	return l
}

// root reads the configuration file itself; nil after an error.
func (l *loader) root(path string) *document.Value {
	file := l.open(path)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w (rotatectl init writes a configuration to begin with)", document.Cause(err))
	}
	if err != nil {
		file.FailRead(err)
		return nil
	}
	return readYAML(file, data)
}

// open notes that a file is read from here on.
func (l *loader) open(path string) *document.File {
	l.current = uint32(len(l.cfg.Files)) //nolint:gosec // a number of files
	l.cfg.Files = append(l.cfg.Files, path)
	return l.problems.Open(path)
}

// keysOf returns the keys of a map in order.
func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
