package core

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Config is what a sandbox is started with. Now is required, everything else has a default.
type Config struct {
	// Listen is host:port. Port 0 gives every listener a free port; port P gives them those that
	// docs/sandbox.md lists. Default "127.0.0.1:0".
	Listen string
	// Public allows a host that is not loopback.
	Public bool
	// Name is the host by which clients reach the sandbox: in the ready line and in the certificate. Default: the
	// host of Listen.
	Name string
	// StateFile keeps passwords, contacts and the certificate authority across restarts; "" keeps them in memory.
	StateFile string
	// CAFile receives the certificate authority's PEM, if not "".
	CAFile string
	// Delay holds every reply back, and Jitter adds a random time of up to its value.
	Delay, Jitter time.Duration
	// Seed makes the random choices of faults and of jitter repeatable.
	Seed uint64
	// Now is the clock that signatures, limits and propagation go by.
	Now func() time.Time
	// Log receives what goes wrong inside; nil discards it.
	Log *slog.Logger
	// StandIns are served.
	StandIns []StandIn
	// Providers is laid over the defaults, by code.
	Providers map[string]ProviderConfig
}

// ProviderConfig adds to what one stand-in knows by default.
type ProviderConfig struct {
	Keys    []Key    `yaml:"keys"`    // added to the default key
	Rate    *Rate    `yaml:"rate"`    // replaces the default rate of every key that names none
	Targets []Target `yaml:"targets"` // added to the default targets
	Options Options  `yaml:"options"`
}

// Key is one pair of management keys, and so one account with a rate limit of its own.
type Key struct {
	ID     string `yaml:"id"`
	Secret string `yaml:"secret"`
	Rate   *Rate  `yaml:"rate"`
}

// Target is one credential that a stand-in knows.
type Target struct {
	// Target is named as the provider names it: a domain, a sender address.
	Target string `json:"target" yaml:"target"`
	// Username is the SMTP user name where the target's own name is none.
	Username string `json:"username,omitempty" yaml:"username"`
	// Password is live from the start; "" means none has been set yet.
	Password string `json:"password,omitempty" yaml:"password"`
	// MailsADay bounds the confirmation mails of a contact address; 0 means the default, -1 that none is left.
	MailsADay int `json:"mails_a_day,omitempty" yaml:"mails_a_day"`
	// Mailed says that a contact address has been mailed before.
	Mailed bool `json:"mailed,omitempty" yaml:"mailed"`
}

// Rate is so many requests within any window of the given length. The zero Rate sets no limit.
type Rate struct {
	Requests int
	Per      time.Duration
}

// maxRate bounds the memory of a window.
const maxRate = 1_000_000

// ParseRate reads "20/s", "300/m", "5/2s", or "0" for no limit.
func ParseRate(s string) (Rate, error) {
	count, per, found := strings.Cut(s, "/")
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxRate {
		return Rate{}, fmt.Errorf("rate %q: want a count from 0 to %d, a slash and a time, as in 20/s", s, maxRate)
	}
	if n == 0 && !found {
		return Rate{}, nil
	}
	if per != "" && strings.Trim(per, "0123456789.") == per {
		per = "1" + per
	}
	d, err := time.ParseDuration(per)
	if err != nil || d <= 0 {
		return Rate{}, fmt.Errorf("rate %q: %q is not a unit of time; want s, m, h, or a duration such as 500ms", s, per)
	}
	return Rate{Requests: n, Per: d}, nil
}

// UnmarshalText reads what ParseRate reads.
func (r *Rate) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRate(string(text))
	return err
}

// LoadData reads a data file, YAML or JSON: a map "providers" from code to ProviderConfig. Unknown fields are errors.
func LoadData(path string) (map[string]ProviderConfig, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Providers map[string]ProviderConfig `yaml:"providers"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file.Providers, nil
}
