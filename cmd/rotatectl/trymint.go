package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"keyturn/internal/providers/declared"
	"keyturn/internal/providers/spelling"
	"keyturn/internal/rotation"
)

// tryOwner is in the label of whatever a try makes, so that it is found again and told from what programs use.
const tryOwner = "provider-try"

// choose settles which call is tried.
func (t *trial) choose(p rotation.Provider) error {
	calls := []string{declared.CallMint, declared.CallList, declared.CallRetire}
	switch {
	case p.Mode != rotation.ModeMinter && (t.call != "" || t.id != ""):
		return fmt.Errorf("--call and --id are for minters, and %s is not one", p.Code)
	case p.Mode != rotation.ModeMinter:
		return nil
	case t.call == "":
		t.call = declared.CallMint
	case !slices.Contains(calls, t.call):
		return fmt.Errorf("--call %s: want %s", t.call, strings.Join(calls, ", "))
	}
	if retires := t.call == declared.CallRetire; retires != (t.id != "") {
		return errors.New("--call retire and --id go together")
	}
	return nil
}

// endangers tells whether the call touches what the target's credential has. A list does not, nor does an identity with a
// label that is a try's.
func (t *trial) endangers(p rotation.Provider) bool {
	return p.Mode != rotation.ModeMinter || t.call != declared.CallList && p.Overlaps.CheckOwner == nil
}

// attempt is what is tried.
func (t *trial) attempt(p rotation.Provider, target string) (declared.Attempt, error) {
	a := declared.Attempt{Call: t.call, Target: target, ID: t.id}
	if p.Mode == rotation.ModeMinter {
		const part = 8
		a.Label = rotation.Label{Owner: tryOwner, Part: strings.ToLower(rand.Text()[:part]) + "-1"}
		return a, nil
	}
	var err error
	a.Password, err = fresh(p)
	return a, err
}

// changesOf says what a call of a minter does.
func changesOf(a declared.Attempt) string {
	switch a.Call {
	case declared.CallList:
		return "changes nothing: lists the identities of " + a.Target + " there"
	case declared.CallRetire:
		return "retires the identity " + a.ID + " of " + a.Target + " there"
	default:
		return "makes an identity of " + a.Target + " there, whose password is shown nowhere, and retires it again"
	}
}

// ours sees to it that what is retired was made by a try, where a label tells that.
func ours(ctx context.Context, d *declared.Description, s rotation.Settings, a declared.Attempt) error {
	if a.Call != declared.CallRetire || d.Provider().Overlaps.CheckOwner == nil {
		return nil
	}
	listed, err := d.Try(ctx, s, declared.Attempt{Call: declared.CallList, Target: a.Target, Label: a.Label})
	switch {
	case err != nil:
		return usageError{err}
	case listed.Err != nil:
		return &failedError{fmt.Errorf("nothing was retired, because the list does not say who made it: %w", listed.Err)}
	case !slices.Contains(listed.IDs, a.ID):
		return usageError{fmt.Errorf("--id: no try has made %s of %s: programs may use it", a.ID, a.Target)}
	}
	return nil
}

// left is what became of an identity that a try has made.
type left struct {
	ID    string `json:"id,omitempty"`
	Means string `json:"means,omitempty"` // what the answer to its retirement means
	Error string `json:"error,omitempty"`
	Then  string `json:"then,omitempty"` // what a person has to do about it
}

// tidy retires what a try has made, or says how to. nil means that nothing was made.
func (t *trial) tidy(ctx context.Context, file string, d *declared.Description, s rotation.Settings, a declared.Attempt, made *declared.Trial) *left {
	if made.ID == "" {
		if made.Err == nil || rotation.AsError(made.Err).Kind != rotation.InDoubt {
			return nil
		}
		name := ""
		if d.Provider().Overlaps.CheckOwner != nil {
			name = " named " + spelling.Label(a.Label)
		}
		return &left{Then: fmt.Sprintf("there may be an identity%s: `%s` lists it, and --call retire --id ID retires it", name, t.again(file, "--call list"))}
	}
	l := &left{ID: made.ID, Means: "success"}
	result, err := patiently(ctx, d, s, declared.Attempt{Call: declared.CallRetire, Target: a.Target, ID: made.ID})
	if err == nil {
		err = result.Err
	}
	if err != nil {
		l.Means, l.Error = rotation.AsError(err).Kind.String(), err.Error()
		l.Then = fmt.Sprintf("the identity may still be there: `%s`", t.again(file, "--call retire --id "+made.ID))
	}
	return l
}

// patiently makes a call that follows another one, and once more after a short wait where the answer asks for that.
func patiently(ctx context.Context, d *declared.Description, s rotation.Settings, a declared.Attempt) (declared.Trial, error) {
	result, err := d.Try(ctx, s, a)
	if err != nil || result.Err == nil {
		return result, err
	}
	e := rotation.AsError(result.Err)
	if e.Kind != rotation.RateLimited || e.RetryAfter <= 0 || e.RetryAfter > tryTimeout {
		return result, nil
	}
	select {
	case <-time.After(e.RetryAfter):
		return d.Try(ctx, s, a)
	case <-ctx.Done():
		return result, nil
	}
}

// again is the command line of another call at the same place.
func (t *trial) again(file, call string) string {
	line := "rotatectl provider try " + file + " --target " + t.target
	for _, flag := range [][2]string{{"--account", t.account}, {"--region", t.region}, {"--endpoint", t.endpoint}} {
		if flag[1] != "" {
			line += " " + flag[0] + " " + flag[1]
		}
	}
	if t.forReal {
		line += " --for-real"
	}
	return line + " " + call
}

func (l *left) print(out io.Writer) {
	if l.ID != "" {
		fmt.Fprintf(out, "retires %s: %s\n", l.ID, l.Means)
	}
	if l.Error != "" {
		fmt.Fprintf(out, "error   %s\n", l.Error)
	}
	if l.Then != "" {
		fmt.Fprintf(out, "then    %s\n", l.Then)
	}
}

// verifies is what the state machine does first where a password logs in to a mail server.
const verifies = "verifies the password where it logs in, "

// afterSuccess is what the state machine does then.
var afterSuccess = map[string]string{
	"":                  verifies + "then promotes it",
	declared.CallMint:   verifies + "promotes it, and retires the identity before after its grace",
	declared.CallList:   "retires those that carry the credential's label and that its journal does not know",
	declared.CallRetire: "takes the identity off its journal",
}

// nextOfMint is next where answers to mint lead elsewhere.
var nextOfMint = map[rotation.Kind]string{
	rotation.InDoubt: "lists the identities, retires what a lost answer may have made, and makes another",
	rotation.Repeat:  "does the same, under another name",
	rotation.Full:    "retires what has no use any more, or waits for a grace to end, or raises it",
}

// nextOf is what the state machine does after a refusal.
func nextOf(call string, kind rotation.Kind) string {
	switch {
	case call == declared.CallMint && nextOfMint[kind] != "":
		return nextOfMint[kind]
	case call != "" && kind == rotation.InDoubt:
		return "asks again later: no identity counts as unknown or as retired before an answer says so"
	}
	return next[kind]
}
