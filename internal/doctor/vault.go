package doctor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"keyturn/internal/config"
	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
)

// Store is a store of the configuration, and the Vault that has it.
type Store struct {
	Vault  *vaultkv.Vault
	Config *config.Store
	Places []rotation.Place // some of what consumers read there
}

func (s Store) finding(severity Severity, what, why, fix string, commands ...string) Finding {
	return Finding{Area: AreaVault, Subject: s.Config.Name, Severity: severity, What: what, Why: why, Fix: fix, Commands: commands}
}

// Unopened is the finding about a store to which no connection could be prepared.
func Unopened(name string, err error) []Finding {
	return []Finding{{
		Area: AreaVault, Subject: name, Severity: Error, What: err.Error(), Why: "no process starts",
		Fix: "what the configuration names under vault must be readable here: `rotatectl config check --secrets` names all that is missing",
	}}
}

// Look looks at the nodes, and then, as a worker, at what the token may do.
func (s Store) Look(ctx context.Context) []Finding {
	healths, err := s.Vault.Healths(ctx, s.Config.Name)
	if err != nil {
		return []Finding{s.finding(Error, err.Error(), "", "")}
	}
	all, usable := s.nodes(healths)
	if !usable {
		return append(all, Skip(AreaVault, s.Config.Name, "mounts, rights and the token: no node can be asked"))
	}
	if s.Config.Auth.Wrapped {
		return append(all, Skip(AreaVault, s.Config.Name, "mounts, rights and the token: to log in here would use up the wrapped secret_id, which is for a process"))
	}
	problems := s.problems(ctx)
	all = append(all, problems...)
	if len(problems) == 0 {
		all = append(all, s.finding(OK, fmt.Sprintf("mounts %s and %s: KV version 2, versions kept, and every right that a worker needs", s.Config.Mount, s.Config.JournalMount), "", ""))
	}
	token, err := s.Vault.Token(ctx, s.Config.Name)
	if err != nil { // it is among the problems
		return append(all, Skip(AreaVault, s.Config.Name, "the token: it cannot be looked up"))
	}
	return append(all, s.token(token)...)
}

// nodes judges what each node says of itself. One that is away is an error only where no other one can serve.
func (s Store) nodes(healths []vaultkv.Health) (all []Finding, usable bool) {
	usable = slices.ContainsFunc(healths, func(h vaultkv.Health) bool { return h.Err == nil && h.Initialized && !h.Sealed })
	severity := Error
	if usable {
		severity = Warning
	}
	const why = "no rotation begins while no node serves, and consumers read nothing"
	for _, h := range healths {
		switch {
		case h.Err != nil:
			all = append(all, s.finding(severity, fmt.Sprintf("%s does not answer: %s", h.Address, s.text(h.Err)), why,
				"check vault.address and ca_file, that Vault runs, and that this machine may connect there"))
		case !h.Initialized:
			all = append(all, s.finding(severity, h.Address+" is not initialized", why, "initialize it, and keep its keys safe", "vault operator init -address="+h.Address))
		case h.Sealed:
			all = append(all, s.finding(severity, h.Address+" is sealed", why, "unseal it", "vault operator unseal -address="+h.Address))
		default:
			role := "active"
			if h.Standby {
				role = "a standby"
			}
			all = append(all, s.finding(OK, fmt.Sprintf("%s: unsealed, %s, version %s", h.Address, role, h.Version), "", ""))
		}
		switch {
		case h.Err != nil:
		case h.Date.IsZero():
			all = append(all, Skip(AreaClock, "vault "+h.Address, "its answer has no Date"))
		default:
			all = append(all, Clock(AreaVault, h.Address, DateReading(h.Date, h.Asked, h.Trip)))
		}
	}
	return all, usable
}

// text is an error without what the finding says already.
func (s Store) text(err error) string {
	text := strings.TrimPrefix(err.Error(), fmt.Sprintf("vault store %q: ", s.Config.Name))
	return strings.TrimPrefix(text, "read sys/health: ")
}

// problems are what a worker finds at its start.
func (s Store) problems(ctx context.Context) []Finding {
	err := s.Vault.UnusableStore(ctx, s.Config.Name, vaultkv.ReadWrite)
	if failed := (*vaultkv.Error)(nil); !errors.As(err, &failed) { // else it would only be repeated
		err = errors.Join(err, s.Vault.CheckPlaces(ctx, vaultkv.ReadWrite, s.Places...))
	}
	var all []Finding
	var lacks []*vaultkv.LackError
	for _, problem := range apart(err) {
		if lack := (*vaultkv.LackError)(nil); errors.As(problem, &lack) {
			lacks = append(lacks, lack)
			continue
		}
		all = append(all, s.problem(problem))
	}
	return append(all, s.lacks(lacks)...)
}

// apart returns the errors that err joins.
func apart(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, one := range joined.Unwrap() {
			all = append(all, apart(one)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// quoted is a command within the text of an error.
var quoted = regexp.MustCompile("`(vault [^`]+)`")

func (s Store) problem(err error) Finding {
	f := s.finding(Error, s.text(err), "a worker asks for it at its start: the credentials of this store do not rotate", "see docs/runbook.md, which has what processes say of Vault")
	if m := quoted.FindStringSubmatch(f.What); m != nil {
		f.Fix, f.Commands = "as root or by a policy that allows it", m[1:]
		return f
	}
	switch {
	case errors.Is(err, vaultkv.ErrSealed):
		f.Fix, f.Commands = "unseal it", []string{"vault operator unseal -address=" + s.Config.Address}
	case errors.Is(err, vaultkv.ErrLogin):
		f.Fix = "put a new secret_id, token or JWT where the configuration reads it; a file that is replaced is tried at once"
	case strings.Contains(f.What, "the token is refused"):
		f.Fix = "put a token that is alive where the configuration reads it"
	case strings.Contains(f.What, "of another cluster"):
		f.Fix = "take it out of the store's addresses: what is journalled on one of them is not known to the other"
	case strings.Contains(f.What, "does not exist"):
		f.Fix = "make the mount, or give the login's policy a right in it (deploy/vault/README.md)"
		f.Commands = []string{"vault secrets enable -path=" + s.missing(f.What) + " -version=2 kv"}
	}
	return f
}

// missing is the mount that a text is about.
func (s Store) missing(text string) string {
	if strings.Contains(text, fmt.Sprintf("mount %q", s.Config.JournalMount)) {
		return s.Config.JournalMount
	}
	return s.Config.Mount
}
