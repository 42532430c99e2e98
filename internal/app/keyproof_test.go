package app

import (
	"context"
	"errors"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// lists is a provider's minter that answers a list with err, and notes the target and the owner that it was asked for.
type lists struct {
	rotation.Minter
	asked *[2]string
	err   error
}

func (l lists) Identities(_ context.Context, target, owner string, _ func(context.Context) error) ([]string, error) {
	*l.asked = [2]string{target, owner}
	return nil, l.err
}

func TestANewManagementKeyIsProvenByAListThatIsAskedWithIt(t *testing.T) {
	t.Parallel()
	cred := &rotation.Credential{Target: "bot", Overlap: &rotation.Overlap{Owner: "us"}}
	for name, c := range map[string]struct {
		err     error
		verdict rotation.Verdict
		asked   bool
	}{
		"it is let in":            {nil, rotation.Works, true},
		"it is refused":           {&rotation.Error{Kind: rotation.Unauthorized}, rotation.Refused, true},
		"the provider is away":    {&rotation.Error{Kind: rotation.Unavailable}, rotation.Unknown, false},
		"the answer is too long":  {errors.New("too long"), rotation.Unknown, false},
		"the worker's clock lies": {&rotation.Error{Kind: rotation.ClockSkew}, rotation.Unknown, false},
	} {
		var used map[string]secret.Value
		var asked [2]string
		account := &config.Account{Provider: &rotation.Provider{
			Keys: []string{"id", "secret"},
			New: func(s rotation.Settings) (rotation.Client, error) {
				used = s.Keys
				return rotation.Client{Minter: lists{asked: &asked, err: c.err}}, nil
			},
		}}
		verdict, err := keyProof{account, cred}.Verify(t.Context(), "new-id", secret.New("new-secret"))
		if verdict != c.verdict || (err == nil) != c.asked || err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: %v, %v", name, verdict, err)
		}
		if used["id"].Reveal() != "new-id" || used["secret"].Reveal() != "new-secret" || asked != [2]string{"bot", "us"} {
			t.Errorf("%s: asked for %q", name, asked)
		}
	}
}
