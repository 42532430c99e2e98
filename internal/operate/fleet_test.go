package operate_test

import (
	"fmt"
	"iter"
	"slices"
	"testing"

	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// fleet makes credentials c-0, c-1 and so on.
func fleet(t *testing.T, n int) fleetOf {
	t.Helper()
	daily, err := schedule.Parse(schedule.Spec{Every: "1d"})
	if err != nil {
		t.Fatal(err)
	}
	creds := make(fleetOf, n)
	for i := range creds {
		id := fmt.Sprintf("c-%d", i)
		creds[i] = &rotation.Credential{ID: id, Account: "mail", Schedule: daily, Place: rotation.Place{Path: id}, Verify: &rotation.Verification{}}
	}
	return creds
}

// fleetOf is a configuration's credentials.
type fleetOf []*rotation.Credential

func (f fleetOf) Credentials() iter.Seq[*rotation.Credential] { return slices.Values(f) }

func (fleetOf) Marks(*rotation.Credential) *rotation.Marks { return nil }

func (f fleetOf) Credential(id string) (*rotation.Credential, bool) {
	for _, cred := range f {
		if cred.ID == id {
			return cred, true
		}
	}
	return nil, false
}
