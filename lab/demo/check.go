package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"keyturn/internal/devenv"
)

// result is the proof for one credential.
type result struct {
	devenv.Credential
	version  int
	verified string
	outcome  string
	login    string
	match    bool
}

// check stops the rotations and proves, for every credential, that the password in Vault is the one that the provider
// regards as live and that it logs in.
func (s *stage) check(ctx context.Context) ([]result, error) {
	if err := s.stopFleet(ctx); err != nil {
		return nil, err
	}
	state, err := s.Box.State(ctx)
	if err != nil {
		return nil, err
	}
	results := make([]result, len(s.fleet))
	for i, c := range s.fleet {
		r := result{Credential: c, login: "no"}
		e, err := s.Vault.Current(ctx, c.Path, 0)
		if err != nil {
			return nil, err
		}
		rec, err := s.Vault.Journal(ctx, c.ID, 0)
		if err != nil {
			return nil, err
		}
		r.version, r.verified, r.outcome = e.Version, e.Verified, rec.State
		target := cmp.Or(e.Target, c.Target)
		if e.Identity != "" {
			target += "/" + e.Identity
		}
		live := e.Password == state[c.Provider][target].Live
		if _, ok := s.Box.SMTP[c.Provider]; ok {
			if r.login, err = s.tryLogin(ctx, c, e); err != nil {
				return nil, err
			}
		} else if live {
			r.login = "no SMTP there; live"
		}
		r.match = live && rec.State == "closed" && r.login != "no"
		results[i] = r
	}
	return results, nil
}

func (s *stage) tryLogin(ctx context.Context, c devenv.Credential, e devenv.Entry) (string, error) {
	switch err := s.Box.LogIn(ctx, c.Provider, e.Username, e.Password); {
	case err == nil:
		return "yes", nil
	case errors.Is(err, devenv.ErrRefused):
		return "no", nil
	default:
		return "", err
	}
}

// faults are what went wrong, as the sandbox and the journals counted it.
type faults struct{ lostReply, rateLimited, repeat, killed, resumed int }

func (s *stage) count(ctx context.Context) (faults, error) {
	f := faults{killed: s.killed}
	stats, err := s.Box.Stats(ctx)
	if err != nil {
		return f, err
	}
	for _, p := range stats {
		f.lostReply += p.LostReplies
		f.rateLimited += p.RateLimited
		f.repeat += p.Repeats
	}
	for _, c := range s.fleet {
		// A closing record keeps the number of claims; Vault keeps the last ten records.
		resumed := false
		for version := 1; !resumed; version++ {
			rec, err := s.Vault.Journal(ctx, c.ID, version)
			if err != nil || rec.Version == 0 {
				if version > 40 {
					break
				}
				continue // older than what Vault keeps, or past the newest
			}
			resumed = rec.State == "closed" && rec.Attempt > 1
		}
		if resumed {
			f.resumed++
		}
	}
	return f, nil
}

// report prints the proof; it returns false unless everything matches and every fault was there.
func (s *stage) report(ctx context.Context, results []result, consumers []*consumer) (bool, error) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CREDENTIAL\tPROVIDER\tVERSION\tROTATIONS\tLAST OUTCOME\tLOGS IN BY SMTP")
	matching := 0
	for _, r := range results {
		if r.match {
			matching++
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s, verified: %s\t%s\n", r.ID, r.Provider, r.version, r.version, r.outcome, r.verified, r.login)
	}
	if err := w.Flush(); err != nil {
		return false, err
	}
	if err := s.reportContacts(ctx); err != nil {
		return false, err
	}
	f, err := s.count(ctx)
	if err != nil {
		return false, err
	}
	fmt.Println()
	for _, c := range consumers {
		if c.err != nil {
			return false, fmt.Errorf("the consumer of %s: %w", c.cred.ID, c.err)
		}
		fmt.Println("demo:", c)
		if c.every > 0 && c.refused > 0 {
			return false, errors.New("a program that reads once per grace was refused")
		}
	}
	stray, err := s.reportIdentities(ctx)
	if err != nil {
		return false, err
	}
	fmt.Printf("demo faults: lost_reply=%d rate_limited=%d repeat=%d killed=%d resumed=%d\n", f.lostReply, f.rateLimited, f.repeat, f.killed, f.resumed)
	fmt.Printf("demo: %d of %d credentials match\n", matching, len(results))
	seen := f.lostReply > 0 && f.rateLimited > 0 && f.repeat > 0 && f.killed > 0 && f.resumed > 0
	return matching == len(results) && seen && stray == 0, nil
}

// reportIdentities counts those that keyturn made, and returns how many of them no journal knows.
func (s *stage) reportIdentities(ctx context.Context) (stray int, err error) {
	state, err := s.Box.State(ctx)
	if err != nil {
		return 0, err
	}
	known := map[string]bool{"example.com/92703823-f3a4-48e2-8e87-7adf25454800": true} // the sandbox's own
	used, waiting := 0, 0
	for _, c := range s.fleet {
		rec, err := s.Vault.Journal(ctx, c.ID, 0)
		if err != nil {
			return 0, err
		}
		if !c.Overlaps {
			known[c.Target] = true
			continue
		}
		known[c.Target+"/"+rec.Identities.Used] = true
		used++
		for _, w := range rec.Identities.Retire {
			known[c.Target+"/"+w.ID] = true
			waiting++
		}
	}
	for target := range state["kirimemail"] {
		if !known[target] {
			stray++
		}
	}
	fmt.Printf("demo: %d identities are in use, %d wait to be retired, %d are unknown\n", used, waiting, stray)
	return stray, nil
}

// reportContacts asks for the demo's two contact verifications as a person would: one address can be mailed, the other
// one's quota is spent, so that rotatectl says so and exits with status 1.
func (s *stage) reportContacts(ctx context.Context) error {
	out, err := s.rotatectl(ctx, "verify-contacts", "owner@example.com", "bbb@test.com")
	if err == nil || !strings.Contains(out, "SendTokenQuotaExceeded") {
		return fmt.Errorf("rotatectl verify-contacts: want one address of which the quota is spent: %s", out)
	}
	fmt.Printf("\ndemo: contact verifications\n%s", out)
	return nil
}

// explain tells how to look around in what is left running.
func (s *stage) explain() {
	fmt.Printf(`
Everything goes on until you press Ctrl-C. Look around in a browser at %s, with the token %s,
or from another terminal:

  export %s
  %s/bin/rotatectl --config %s doctor
  %s/bin/rotatectl --config %s status
  %s/bin/rotatectl --config %s rotate %s --wait
  curl -s -H "X-Vault-Token: $(cat %s/vault-token)" %s/v1/secret/data/%s
  curl -s %s/stats
`, s.console.url, s.console.token, strings.Join(keys, " "), s.Dir, s.Config(), s.Dir, s.Config(), s.Dir, s.Config(), s.fleet[0].ID, s.Dir, s.Vault.Addr, s.fleet[0].Path, s.Box.Admin)
}
