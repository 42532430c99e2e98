package vaultkv

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// Defaults of a StoreConfig.
const (
	DefaultMount        = "secret"
	DefaultJournalMount = "keyturn-journal"
	DefaultTimeout      = 10 * time.Second
)

// defaultJWTFile is where Kubernetes puts a pod's own token.
const defaultJWTFile = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// StoreConfig is one Vault, or one namespace of it, with the two mounts that keyturn uses there.
type StoreConfig struct {
	Address      string   // "https://vault.example:8200"
	Nodes        []string // of the same cluster; asked where Address cannot be reached, and redirects to them are followed
	Namespace    string   // Vault Enterprise and HCP; "" is the root
	Mount        string   // KV v2 engine that consumers read; "" means DefaultMount
	JournalMount string   // KV v2 engine of the journals, where consumers have no rights; "" means DefaultJournalMount
	Auth         Auth
	Fields       Fields
	CAFile       string        // PEM, in place of the system's roots; "" means those
	Timeout      time.Duration // hard limit of one read or write, login included; 0 means DefaultTimeout
}

// Method is a way to log in.
type Method string

// The methods.
const (
	MethodToken      Method = "token"
	MethodAppRole    Method = "approle"
	MethodKubernetes Method = "kubernetes"
	MethodJWT        Method = "jwt"
)

// Auth is how a store gets its token. A file is read again at every login, because its contents are replaced over time.
type Auth struct {
	Method Method
	Mount  string       // of the auth method; "" means the method's own name
	Role   string       // AppRole: the role_id; Kubernetes and JWT: the role's name
	Secret secret.Value // the token, the secret_id or the JWT …
	File   string       // … or the file that holds it; Kubernetes: "" means the pod's own token
	// RoleFile holds what Role is, in place of Role.
	RoleFile string
	// Wrapped says that File does not hold the secret_id but the token of a response that wraps it. AppRole only.
	Wrapped bool
}

// Fields names the fields of a secret.
type Fields rotation.FieldNames

func (c StoreConfig) withDefaults() StoreConfig {
	c.Mount = strings.Trim(cmp.Or(c.Mount, DefaultMount), "/")
	c.JournalMount = strings.Trim(cmp.Or(c.JournalMount, DefaultJournalMount), "/")
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.Auth.Mount = strings.Trim(cmp.Or(c.Auth.Mount, string(c.Auth.Method)), "/")
	if c.Auth.Method == MethodKubernetes && c.Auth.Secret.IsZero() {
		c.Auth.File = cmp.Or(c.Auth.File, defaultJWTFile)
	}
	c.Fields = Fields(rotation.FieldNames(c.Fields).WithDefaults())
	return c
}

// validate names all problems at once.
func (c StoreConfig) validate() error {
	problems := []error{c.Auth.validate()}
	if name := rotation.FieldNames(c.Fields).Twice(); name != "" {
		problems = append(problems, fmt.Errorf("fields: %q is named twice", name))
	}
	for _, address := range c.addresses() {
		problems = append(problems, validateAddress(address, c.Address))
	}
	for _, mount := range []string{c.Mount, c.JournalMount} {
		if err := checkPath(mount); err != nil {
			problems = append(problems, fmt.Errorf("mount: %w", err))
		}
	}
	if c.Mount == c.JournalMount {
		problems = append(problems, fmt.Errorf("mount and journal mount are both %q: journals need a mount of their own, where consumers have no rights", c.Mount))
	}
	if c.Timeout < 0 {
		problems = append(problems, fmt.Errorf("timeout %s: want a positive duration", c.Timeout))
	}
	return errors.Join(problems...)
}

// addresses are all nodes, the first one first.
func (c StoreConfig) addresses() []string { return append([]string{c.Address}, c.Nodes...) }

func validateAddress(address, first string) error {
	u, err := rotation.ParseServer(address)
	base, _ := url.Parse(first)
	switch {
	case err != nil:
		return fmt.Errorf("address %w: want http://HOST:PORT or https://HOST:PORT", err)
	case base != nil && u.Path != base.Path:
		return errors.New("addresses: want the same path at all nodes")
	}
	return nil
}

func (a Auth) validate() error {
	switch a.Method {
	case MethodToken:
		if a.Role != "" || a.RoleFile != "" {
			return errors.New("auth token: takes no role")
		}
	case MethodAppRole, MethodKubernetes, MethodJWT:
		switch {
		case a.Role == "" && a.RoleFile == "":
			return fmt.Errorf("auth %s: the role is missing", a.Method)
		case a.Role != "" && a.RoleFile != "":
			return fmt.Errorf("auth %s: want either the role or the file that holds it", a.Method)
		}
	default:
		return fmt.Errorf("auth method %q: want token, approle, kubernetes or jwt", a.Method)
	}
	if a.Secret.IsZero() == (a.File == "") {
		return fmt.Errorf("auth %s: want either the secret or the file that holds it", a.Method)
	}
	if a.Wrapped && a.Method != MethodAppRole {
		return fmt.Errorf("auth %s: a wrapped secret_id belongs to approle", a.Method)
	}
	if a.Wrapped && a.File == "" {
		return errors.New("auth approle: a wrapped secret_id comes from a file")
	}
	if err := checkPath(a.Mount); err != nil {
		return fmt.Errorf("auth mount: %w", err)
	}
	return nil
}

// read returns what to log in with, as it is now: the role, and the token, secret_id or JWT.
func (a Auth) read() (role string, key secret.Value, err error) {
	role, key = a.Role, secret.New(strings.TrimSpace(a.Secret.Reveal()))
	if a.RoleFile != "" {
		if role, err = readFile(a.RoleFile); err != nil {
			return "", secret.Value{}, err
		}
	}
	if a.File != "" {
		text, err := readFile(a.File)
		if err != nil {
			return "", secret.Value{}, err
		}
		key = secret.New(text)
	}
	return role, key, nil
}

// readFile returns a file without the blanks around what it holds: nothing that Vault hands out has any.
func readFile(name string) (string, error) {
	value, err := secret.ReadFile(name)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(value.Trim().Reveal())
	if text == "" {
		return "", fmt.Errorf("%s is empty", name)
	}
	return text, nil
}
