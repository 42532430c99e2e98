package devenv

import (
	"os"
	"slices"
	"strings"
)

// Environ is the environment of this process without the user's own Vault and without the settings of the tests:
// no variable that starts with VAULT_ or KEYTURN_.
func Environ() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "VAULT_") || strings.HasPrefix(entry, "KEYTURN_")
	})
}
