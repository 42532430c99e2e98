package devenv

import (
	"strings"
	"testing"
)

func TestVaultsTokenIsNoArgument(t *testing.T) {
	t.Parallel()
	const token = "the-root-token"
	command := VaultOptions{Dir: t.TempDir()}.command("vault", 1, token)
	if strings.Contains(strings.Join(command.Args, " "), token) {
		t.Errorf("the root token is in the arguments, which everybody can read: %q", command.Args)
	}
}
