package fleetsim

import (
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// account is one of the fleet's.
type account struct {
	name   string
	rate   rotation.Rate // what is configured; the provider bears a twentieth more
	issuer bool
	mode   rotation.VerifyMode
	half   bool // only every second one is verified
	server int  // whose logins they are, with rotation.VerifySMTP
	when   []schedule.Spec
	size   int
}

// accounts are different on purpose: fast and slow, a Setter and an Issuer, with and without a verifier, at any time and in
// a window.
func accounts() []account {
	minute := func(n int) rotation.Rate { return rotation.Rate{Requests: n, Per: time.Minute} }
	month, night := schedule.Spec{Every: "30d", Splay: "1d"}, schedule.Spec{Every: "30d", Window: "01:00-05:00"}
	return []account{
		{name: "fast", rate: rotation.Rate{Requests: 19, Per: time.Second}, mode: rotation.VerifySMTP, when: []schedule.Spec{month, {Every: "7d"}}},
		{name: "nightly", rate: minute(60), mode: rotation.VerifySMTP, server: 1, when: []schedule.Spec{night, month}},
		{name: "issuer", rate: minute(30), mode: rotation.VerifySMTP, server: 2, issuer: true, when: []schedule.Spec{month, {Every: "20d"}}},
		{name: "readback", rate: minute(20), mode: rotation.VerifyProvider, when: []schedule.Spec{month, {Cron: "30 3 1,15 * *", Splay: "1h"}}},
		{name: "mixed", rate: minute(5), mode: rotation.VerifySMTP, half: true, server: 3, when: []schedule.Spec{month, month, night, night}},
	}
}

// propagation is what is configured: how long an accepted password may take until it works.
const propagation = 2 * time.Minute

// credentials makes n of an account.
func (a *account) credentials(n int, servers []*mailServer) ([]*rotation.Credential, error) {
	var when []*schedule.Schedule
	for _, spec := range a.when {
		parsed, err := schedule.Parse(spec)
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", a.name, err)
		}
		when = append(when, parsed)
	}
	verify := &rotation.Verification{Mode: a.mode, Propagation: propagation}
	if a.mode == rotation.VerifySMTP {
		verify.SMTP = rotation.SMTP{Address: servers[a.server].address, TLS: "implicit", Timeout: 30 * time.Second, Rate: servers[a.server].rate}
	}
	unverified := &rotation.Verification{Mode: rotation.VerifyOff, Propagation: propagation}
	creds := make([]*rotation.Credential, n)
	a.size = n
	for i := range creds {
		id := fmt.Sprintf("%s-%03d", a.name, i)
		creds[i] = &rotation.Credential{
			ID: id, Account: a.name, Target: id, Username: id, Place: rotation.Place{Store: "main", Path: id},
			Schedule: when[i%len(when)], Verify: verify,
		}
		if a.half && i%2 == 0 {
			creds[i].Verify = unverified
		}
	}
	return creds, nil
}

// lateness is what a healthy credential may be late: for what the account and its server serve at once, and for all others
// of the account, where all fall due together.
func (a *account) lateness() time.Duration {
	const least = 20 * time.Minute
	return least + time.Duration(a.size)*a.rate.Per/time.Duration(a.rate.Requests)
}

// inventory is a configuration.
type inventory struct {
	name  string
	creds []*rotation.Credential
	ids   map[string]*rotation.Credential
}

func newInventory(name string, creds []*rotation.Credential) *inventory {
	inv := &inventory{name: name, creds: creds, ids: make(map[string]*rotation.Credential, len(creds))}
	for _, cred := range creds {
		inv.ids[cred.ID] = cred
	}
	return inv
}

// Credentials implements due.Inventory.
func (i *inventory) Credentials() iter.Seq[*rotation.Credential] { return slices.Values(i.creds) }

// Credential implements due.Inventory.
func (i *inventory) Credential(id string) (*rotation.Credential, bool) {
	cred, ok := i.ids[id]
	return cred, ok
}

// Fingerprint implements due.Inventory.
func (i *inventory) Fingerprint() string { return i.name }

// configured is the configuration that a process works on.
type configured struct{ atomic.Pointer[inventory] }
