package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"keyturn/internal/rotation"
)

// KeyTest is what a call that changes nothing said about an account's management keys.
type KeyTest struct {
	Account  string `json:"account"`
	Provider string `json:"provider"`
	Result   string `json:"result"` // one of the Keys…
	Detail   string `json:"detail,omitempty"`
}

// The results of a KeyTest.
const (
	KeysAccepted = "accepted"
	KeysRefused  = "refused"
	KeysUnknown  = "unknown"  // the call was not answered, or with something else
	KeysUntested = "untested" // there is no call that changes nothing
)

// ErrNoHarmlessCall is a provider of which no call is known that changes nothing.
var ErrNoHarmlessCall = errors.New("the provider has no call that changes nothing")

// TestKeys asks the provider of an account something that changes nothing, with the management keys as they are now.
func (d *Desk) TestKeys(ctx context.Context, account string) (KeyTest, error) {
	a, ok := d.Accounts[account]
	if !ok {
		return KeyTest{}, &Error{Absent, fmt.Errorf("%s: no such account", account)}
	}
	test := KeyTest{Account: account, Provider: a.Provider.Code}
	var creds []*rotation.Credential
	for cred := range d.Fleet.Credentials() {
		if cred.Account == account {
			creds = append(creds, cred)
		}
	}
	if len(creds) == 0 {
		test.Result, test.Detail = KeysUntested, "the account has no credential that could be asked about"
		return test, nil
	}
	first := slices.MinFunc(creds, func(a, b *rotation.Credential) int { return cmp.Compare(a.ID, b.ID) })
	err := d.Providers.Probe(ctx, first)
	var refused *rotation.Error
	switch {
	case err == nil:
		test.Result, test.Detail = KeysAccepted, "asked about "+first.ID
	case errors.Is(err, ErrNoHarmlessCall):
		test.Result, test.Detail = KeysUntested, err.Error()+": rotate one, such as "+first.ID+", to try them"
	case errors.As(err, &refused) && refused.Kind == rotation.Unauthorized:
		test.Result, test.Detail = KeysRefused, err.Error()
	case refused != nil && (refused.Kind == rotation.Target || refused.Kind == rotation.Rejected):
		test.Result, test.Detail = KeysAccepted, err.Error() // the key was let in
	case refused != nil:
		test.Result, test.Detail = KeysUnknown, err.Error()
	default:
		return test, err
	}
	return test, nil
}
