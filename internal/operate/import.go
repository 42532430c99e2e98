package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"keyturn/internal/config"
	"keyturn/internal/rotation"
)

// Imported is one credential as the configuration has it.
type Imported struct {
	ID       string `json:"id" yaml:"id"`
	Account  string `json:"account" yaml:"account"`
	Target   string `json:"target,omitempty" yaml:"target,omitempty"` // "": a pair's
	Path     string `json:"path" yaml:"path"`
	Username string `json:"username,omitempty" yaml:"username,omitempty"`
	Strategy string `json:"strategy,omitempty" yaml:"strategy,omitempty"`
	// Targets are the two of a pair.
	Targets []ImportedTarget `json:"targets,omitempty" yaml:"targets,omitempty"`

	second ImportedTarget // of a pair, until it stands in Targets
	from   string         // file and line, or its name at the provider
}

// ImportedTarget is one of a pair's targets.
type ImportedTarget struct {
	Target   string `json:"target" yaml:"target"`
	Username string `json:"username,omitempty" yaml:"username,omitempty"`
}

// ImportRequest says what fills in what an import does not find.
type ImportRequest struct {
	Account    string `json:"account,omitempty"`     // of what the provider is asked for; of those rows of a table that name none
	PathPrefix string `json:"path_prefix,omitempty"` // where in Vault those go that name no path
}

// ErrIncomplete is a row of a table without target or account.
var ErrIncomplete = errors.New("want a target, and an account there")

// ImportListed returns what a provider lists of a domain, for the configuration. Its error names every credential that
// cannot stand there; it changes nothing.
func (d *Desk) ImportListed(ctx context.Context, domain string, r ImportRequest) ([]Imported, error) {
	if err := d.KnownAccounts(r.Account); err != nil {
		return nil, err
	}
	if code := d.Accounts[r.Account].Provider.Code; !d.Accounts[r.Account].Provider.Lists || domain == "" {
		return nil, invalid("account %s: want a provider that lists its credentials, which %s does not, and a domain", r.Account, code)
	}
	listed, err := d.Providers.List(ctx, r.Account, domain)
	if err != nil {
		return nil, err
	}
	found := make([]Imported, len(listed))
	for i, c := range listed {
		found[i] = Imported{Account: r.Account, Target: c.Target, Username: c.Username, from: c.Target}
	}
	if err := d.complete(found, r.PathPrefix); err != nil {
		return nil, err
	}
	return found, nil
}

// ImportTable reads a credential from each row of a CSV file, for the configuration. The first row names the columns: target,
// and optionally id, account, path and username, and second_target and second_username, which make it a pair. Its error
// names every mistake with the name of the file and the line; it is Invalid.
func (d *Desk) ImportTable(table io.Reader, file string, r ImportRequest) ([]Imported, error) {
	found, err := parseTable(table, file, r.Account)
	if err := errors.Join(err, d.complete(found, r.PathPrefix)); err != nil {
		return nil, &Error{Invalid, err}
	}
	return found, nil
}

var notInID = regexp.MustCompile(`[^a-z0-9._@-]+`)

// complete checks what was found and fills in what can be derived. Its error names every mistake. What depends on the
// rest of the configuration is for `config check`.
func (d *Desk) complete(found []Imported, prefix string) error {
	var problems []error
	taken := map[unique]string{} // where each was seen
	for i := range found {
		c := &found[i]
		if err := c.resolve(d); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", c.from, err))
			continue
		}
		c.name(prefix, taken)
		if !rotation.ValidID(c.ID) {
			problems = append(problems, fmt.Errorf(`%s: %q is not a valid id: want 1 to 128 of a-z, 0-9 and "._-@"`, c.from, c.ID))
		}
		for _, text := range []unique{{"username", "", c.Username}, {"second_username", "", c.second.Username}, {"path", "", c.Path}} {
			if !shows(text.value) {
				problems = append(problems, fmt.Errorf("%s: %s %q has characters that do not show: remove them", c.from, text.field, text.value))
			}
		}
		account := d.Accounts[c.Account]
		service := account.Provider.Code + " " + account.Region
		owned := []unique{{"id", "", c.ID}, {"path", "", c.Path}, {"target", service, c.Target}}
		if c.second.Target != "" {
			owned = append(owned, unique{"target", service, c.second.Target})
		}
		for _, own := range owned {
			if first, twice := taken[own]; twice {
				problems = append(problems, fmt.Errorf("%s: %s %q is already used at %s", c.from, own.field, own.value, first))
				continue
			}
			taken[own] = c.from
		}
		c.pair()
	}
	return errors.Join(problems...)
}

// pair writes what has a second target as the configuration wants a pair.
func (c *Imported) pair() {
	if c.second.Target == "" {
		return
	}
	c.Strategy = rotation.StrategyPair.String()
	c.Targets = []ImportedTarget{{Target: c.Target, Username: c.Username}, c.second}
	c.Target, c.Username = "", ""
}

// shows tells whether a text has only characters that show: escaped for a terminal another would stand in the file.
func shows(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// unique is what only one credential may have: a target among those of its service.
type unique struct{ field, service, value string }

// resolve checks the account, and the target by the account's provider.
func (c *Imported) resolve(d *Desk) error {
	if c.Target == "" || c.Account == "" {
		return ErrIncomplete
	}
	account, ok := d.Accounts[c.Account]
	switch {
	case !ok:
		return fmt.Errorf("no account %q in the configuration", c.Account)
	case account.Provider.Mode == rotation.ModeContacts:
		return fmt.Errorf("account %s: %s rotates nothing: its addresses belong under verifications", c.Account, account.Provider.Code)
	}
	target, err := account.Provider.CheckTarget(c.Target)
	if err != nil {
		return fmt.Errorf("target %q: %w", c.Target, err)
	}
	c.Target = target
	return c.second.resolve(account, c.Target)
}

// resolve checks the second target of a pair, if there is one.
func (t *ImportedTarget) resolve(account *config.Account, first string) error {
	switch {
	case t.Target == "" && t.Username != "":
		return fmt.Errorf("second_username %q: want a second_target too", t.Username)
	case t.Target == "":
		return nil
	case !account.Provider.Pairs:
		return fmt.Errorf("second_target %q: %s cannot have a pair", t.Target, account.Provider.Code)
	}
	target, err := account.Provider.CheckTarget(t.Target)
	if err != nil {
		return fmt.Errorf("second_target %q: %w", t.Target, err)
	}
	if strings.EqualFold(target, first) {
		return fmt.Errorf("second_target %q: it is the target too", t.Target)
	}
	t.Target = target
	return nil
}

// name derives id and path where they are not given: from the user name, which people know, unless another's looks the
// same in them.
func (c *Imported) name(prefix string, taken map[unique]string) {
	derive := func(from string) (id, place string) {
		name := strings.Trim(notInID.ReplaceAllString(strings.ToLower(from), "-"), "-.")
		return c.Account + "-" + name, path.Join(strings.Trim(prefix, "/"), c.Account, name)
	}
	id, place := derive(c.Target)
	if c.Username != "" {
		named, at := derive(c.Username)
		_, sameID := taken[unique{field: "id", value: named}]
		_, samePath := taken[unique{field: "path", value: at}]
		if !sameID && !samePath {
			id, place = named, at
		}
	}
	if c.ID == "" {
		c.ID = id
	}
	if c.Path == "" {
		c.Path = place
	}
}
