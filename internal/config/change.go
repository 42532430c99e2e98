package config

import (
	"fmt"

	"keyturn/internal/config/inventory"
	"keyturn/internal/rotation"
)

// Changes is what one configuration in the place of another means for rotations.
type Changes struct {
	Added      int              `json:"added"`
	Changed    int              `json:"changed"`
	Removed    int              `json:"removed"` // their rotation stops; nothing is deleted in Vault
	Strategies []StrategyChange `json:"strategies"`
}

// StrategyChange is a credential that is rotated by another strategy.
type StrategyChange struct {
	Credential string `json:"credential"`
	From       string `json:"from"`
	To         string `json:"to"`
	Means      string `json:"means"` // for people
}

// ChangesFrom compares c with what was used before.
func (c *Config) ChangesFrom(was *Config) Changes {
	d := inventory.Diff(&was.Inventory, &c.Inventory)
	all := Changes{Added: len(d.Added), Changed: len(d.Changed), Removed: len(d.Removed), Strategies: []StrategyChange{}}
	for _, cred := range d.Changed {
		before, ok := was.Credential(cred.ID)
		if !ok || before.Strategy() == cred.Strategy() {
			continue
		}
		all.Strategies = append(all.Strategies, StrategyChange{
			Credential: cred.ID, From: before.Strategy().String(), To: cred.Strategy().String(), Means: meaning(before, cred),
		})
	}
	return all
}

// meaning says what another strategy does to a credential and to the programs that use it.
func meaning(was, now *rotation.Credential) string {
	text := "a rotation that is open finishes as " + was.Strategy().String() + "; the next one "
	switch now.Strategy() {
	case rotation.StrategyPair:
		text += fmt.Sprintf("changes %s or %s, whichever the secret's user name does not name, and programs switch to it",
			now.Pair.Targets[0].Target, now.Pair.Targets[1].Target)
	case rotation.StrategyOverlap:
		text += "makes an identity at " + now.Target + ", and programs switch to its user name; what they used before stays valid until a person removes it"
	case rotation.StrategyReplace:
		text += "changes " + now.Target + ", and programs are refused until they have read its password"
	}
	if was.Overlap != nil {
		text += "; identities that wait are retired in time"
	}
	return text
}
