package rotation_test

import (
	"context"
	"testing"

	"keyturn/internal/rotation"
)

// Each variant leaves out one of the rules that come with identities which are disabled before they are taken away.

func TestExploreCatchesAnIdentityThatIsTakenAwayAtOnce(t *testing.T) {
	t.Parallel()
	e := overlap(disableNothing)
	e.Disables = true
	checkCaught(t, e, "P-overlap-phases: what programs have had is taken away before it was disabled for a while")
}

func disableNothing(_ *rotation.Machine, s *rotation.Subject) { s.Client.Disabler = nil }

func TestExploreCatchesAManagementKeyThatIsDisabledWhileItIsUsed(t *testing.T) {
	t.Parallel()
	e := overlap(askNoProcess)
	e.Disables, e.Keys = true, true
	checkCaught(t, e, "P-overlap-keys: a management key is disabled that a process calls with")
}

func askNoProcess(m *rotation.Machine, _ *rotation.Subject) { m.Keys = unused{m.Keys} }

// unused hears of no process.
type unused struct{ rotation.Keys }

func (u unused) Leave(ctx context.Context, cred *rotation.Credential, id string) (bool, error) {
	_, err := u.Keys.Leave(ctx, cred, id)
	return false, err
}
