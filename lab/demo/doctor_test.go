package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv"
	"keyturn/internal/doctor"
)

// slow is a finding that a loaded machine may cause.
func slow(f doctor.Finding) bool { return strings.HasPrefix(f.What, "a round trip takes") }

// TestTheDoctorFindsTheDemoInOrderAndNamesEachThingThatIsNot makes one thing wrong at a time.
func TestTheDoctorFindsTheDemoInOrderAndNamesEachThingThatIsNot(t *testing.T) {
	t.Parallel()
	s := newSurgery(t)
	t.Run("in order", s.isInOrder)
	t.Run("eviction policy", s.evicts)
	t.Run("one thing is wrong", s.names)
	t.Run("skewed clock", s.skewed)
	t.Run("two configurations", s.twoConfigurations)
}

func (s *surgery) isInOrder(t *testing.T) {
	t.Helper()
	output, status := s.doctor(t, s.good)
	if status != 0 || !strings.HasPrefix(output, "ok ") || strings.Contains(output, "\nERROR") || strings.Contains(output, "\nskipped") || strings.Contains(output, "doctor:") {
		t.Errorf("status %d: %s", status, output)
	}
	output, status = s.doctor(t, s.good, "-o", "json")
	r := report(t, output)
	areas := map[doctor.Area]int{}
	for _, f := range r.Findings {
		areas[f.Area]++
		if f.Severity != doctor.OK && !slow(f) {
			t.Errorf("%+v", f)
		}
	}
	want := map[doctor.Area]int{
		doctor.AreaRedis: 7, doctor.AreaVault: 3, doctor.AreaClock: 7, doctor.AreaProvider: 5, doctor.AreaMail: 3,
		doctor.AreaRate: 4, doctor.AreaSchedulers: 1, doctor.AreaQueue: 1,
	}
	for area, n := range want {
		if areas[area] != n {
			t.Errorf("%d findings about %s, want %d", areas[area], area, n)
		}
	}
	if status != 0 || r.Errors != 0 || r.Skipped != 0 {
		t.Errorf("status %d, %d errors, %d skipped", status, r.Errors, r.Skipped)
	}
}

// ill is a demo with one thing wrong. Of the finding, What is a part.
type ill struct {
	name string
	edit func(t *testing.T) string // of the configuration
	want doctor.Finding
	mend func(t *testing.T, f doctor.Finding) string // does what Fix says, where that is a change of the configuration or in Vault
}

func (s *surgery) names(t *testing.T) {
	for _, tt := range s.illnesses() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := s.examine(t, tt.edit(t), tt.want)
			if tt.mend == nil {
				return
			}
			if output, status := s.doctor(t, tt.mend(t, f)); status != 0 {
				t.Errorf("after what the doctor said was done: status %d: %s", status, output)
			}
		})
	}
}

// examine demands that the doctor finds one error and no other, in a table and as JSON.
func (s *surgery) examine(t *testing.T, text string, want doctor.Finding) doctor.Finding {
	t.Helper()
	output, status := s.doctor(t, text, "-o", "json")
	r := report(t, output)
	f := found(t, r, want)
	if status != 2 || r.Errors != 1 || !strings.Contains(output, "}\ndoctor: 1 error") {
		t.Errorf("status %d, %d errors: %s", status, r.Errors, output)
	}
	output, status = s.doctor(t, text)
	if line := fmt.Sprintf("ERROR    %-10s %s: ", want.Area, want.Subject); status != 2 || strings.Count(output, "ERROR") != 1 || !strings.Contains(output, line) {
		t.Errorf("status %d: %s", status, output)
	}
	return f
}

// found demands one finding of a report. Its What has what is wanted, its Fix begins with it.
func found(t *testing.T, r doctor.Report, want doctor.Finding) doctor.Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.Area == want.Area && f.Subject == want.Subject && f.Severity == want.Severity && strings.Contains(f.What, want.What) {
			if want.Fix == "" || !strings.HasPrefix(f.Fix, want.Fix) || !slices.Equal(f.Commands, want.Commands) || f.Why == "" {
				t.Errorf("got  %+v\nwant %+v", f, want)
			}
			return f
		}
	}
	t.Errorf("no %+v in\n%+v", want, r.Findings)
	return doctor.Finding{}
}

// evicts also does what the doctor says, after which nothing is wrong.
func (s *surgery) evicts(t *testing.T) {
	rdb := redis.NewClient(&redis.Options{Addr: s.Redis.Addr})
	defer rdb.Close()
	if err := rdb.Do(t.Context(), "config", "set", "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(s.Redis.Addr, ":")
	cli, cure := fmt.Sprintf("redis-cli -h %s -p %s ", host, port), "config set maxmemory-policy noeviction"
	s.examine(t, s.good, doctor.Finding{
		Area: doctor.AreaRedis, Subject: s.Redis.Addr, Severity: doctor.Error, What: "maxmemory-policy is allkeys-lru",
		Fix: "set it now, and in redis.conf, so that it survives a restart", Commands: []string{cli + cure},
	})
	if err := rdb.Do(t.Context(), words(cure)...).Err(); err != nil {
		t.Fatal(err)
	}
	s.isInOrder(t)
}

func words(command string) (all []any) {
	for _, word := range strings.Fields(command) {
		all = append(all, word)
	}
	return all
}

func (s *surgery) illnesses() []ill {
	const unreachable = "127.0.0.1:1"
	return []ill{
		{"missing Vault right", func(t *testing.T) string {
			t.Helper()
			return s.token(t, "", map[string]any{"period": "24h"})
		}, doctor.Finding{
			Area: doctor.AreaVault, Subject: "default", Severity: doctor.Error, What: "the token lacks read, create, update on secret/data/domains/brand00 and 11 more beside it",
			Fix:      "add this to the policy of the login; it counts within 5 minutes, without a restart",
			Commands: []string{strings.TrimSpace(domains)},
		}, func(t *testing.T, f doctor.Finding) string {
			t.Helper()
			return s.token(t, "\n"+strings.Join(f.Commands, "\n"), map[string]any{"period": "24h"})
		}},
		{"short token", func(t *testing.T) string {
			t.Helper()
			return s.token(t, domains, map[string]any{"ttl": "5m", "explicit_max_ttl": "5m"})
		}, doctor.Finding{
			Area: doctor.AreaVault, Subject: "default", Severity: doctor.Error, What: ", whatever is renewed",
			Fix:      "log in by approle, kubernetes or jwt (deploy/vault/README.md), or use a token that can be renewed without a limit",
			Commands: []string{"vault token create -orphan -period=24h -no-default-policy -policy=keyturn-worker"},
		}, func(t *testing.T, _ doctor.Finding) string {
			t.Helper()
			return s.token(t, domains, map[string]any{"period": "24h", "no_parent": true})
		}},
		{"unreachable provider", func(t *testing.T) string {
			t.Helper()
			return s.with(t, s.Box.Providers["enom"], "http://"+unreachable)
		}, doctor.Finding{
			Area: doctor.AreaProvider, Subject: unreachable, Severity: doctor.Error, What: "cannot be reached: dial tcp 127.0.0.1:1: connect: connection refused",
			Fix: "correct the endpoint in the configuration, and allow this machine to connect there (HTTPS_PROXY is heeded)",
		}, nil},
		{"SMTP without AUTH", func(t *testing.T) string {
			t.Helper()
			mail := fmt.Sprintf("{address: %q, tls: implicit, rate: 6000/s, ca_file: ", s.Box.SMTP["kirimemail"])
			return s.with(t, mail+fmt.Sprintf("%q", s.Box.CAFile), strings.Replace(mail, s.Box.SMTP["kirimemail"], s.mute, 1)+fmt.Sprintf("%q", s.authority))
		}, doctor.Finding{
			Area: doctor.AreaMail, Subject: s.mute, Severity: doctor.Error, What: "the server does not offer AUTH here",
			Fix: "name the submission port, which is 465 or 587 and not 25, or have the server offer AUTH to this machine",
		}, nil},
		{"rate too low", func(t *testing.T) string {
			t.Helper()
			return s.with(t, "rate: [95/s] # the sandbox allows 100", "rate: [1/s]")
		}, doctor.Finding{
			Area: doctor.AreaRate, Subject: "ses", Severity: doctor.Error, What: " a day fall due, 86400 a day can go; a round of all 28 takes ",
			Fix:      "rotate at most 0.26 times as often, or spread the credentials over more accounts; if the provider allows it, set accounts.ses.rate to ",
			Commands: []string{"rotatectl plan --account ses"},
		}, func(t *testing.T, f doctor.Finding) string {
			t.Helper()
			_, rate, _ := strings.Cut(f.Fix, "set accounts.ses.rate to ")
			rate, _, _ = strings.Cut(rate, " ")
			return s.with(t, "rate: [95/s] # the sandbox allows 100", "rate: ["+rate+"]")
		}},
	}
}

// skewed has the doctor look at a machine whose clock is wrong: all servers say so.
func (s *surgery) skewed(t *testing.T) {
	ahead := filepath.Join(s.Dir, "ahead")
	if err := os.Mkdir(ahead, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := devenv.BuildAhead(t.Context(), filepath.Join(ahead, "rotatectl"), "./cmd/rotatectl", time.Minute); err != nil {
		t.Fatal(err)
	}
	late := *s.Stage
	late.Bin = ahead
	output, status, err := late.Rotatectl(t.Context(), "", "doctor", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	r := report(t, output)
	subjects := []string{"redis " + s.Redis.Addr, "vault " + s.Vault.Addr}
	for _, url := range s.Box.Providers {
		if strings.Contains(s.good, url) {
			subjects = append(subjects, "provider "+strings.TrimPrefix(url, "http://"))
		}
	}
	for _, subject := range subjects {
		fix := "find out which of the two is wrong (`timedatectl` on both), and have that machine set its clock by NTP"
		if strings.HasPrefix(subject, "provider ") {
			fix = "have this machine set its clock by NTP"
		}
		found(t, r, doctor.Finding{
			Area: doctor.AreaClock, Subject: subject, Severity: doctor.Error, What: "this machine's clock is ", Fix: fix, Commands: []string{"timedatectl set-ntp true"},
		})
	}
	if status != 2 || r.Errors != len(subjects) {
		t.Errorf("status %d, %d errors, want %d: %+v", status, r.Errors, len(subjects), r.Findings)
	}
}

// twoConfigurations starts a second scheduler with a rate that differs. A doctor that has another configuration than all
// schedulers only warns, and fails with --strict.
func (s *surgery) twoConfigurations(t *testing.T) {
	other := s.with(t, "rate: [4/s]", "rate: [3/s]")
	output, status := s.doctor(t, other, "-o", "json")
	found(t, report(t, output), doctor.Finding{
		Area: doctor.AreaSchedulers, Subject: "all", Severity: doctor.Warning, What: "all use another configuration (1 with ",
		Fix: "name the file that they use with -c, or give them this one and send each a SIGHUP",
	})
	if status != 0 {
		t.Errorf("a warning: status %d", status)
	}
	if _, status := s.doctor(t, other, "--strict"); status != 1 {
		t.Errorf("a warning with --strict: status %d", status)
	}
	path, err := s.WriteFile("other.yaml", other)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Launch(t.Context(), devenv.Launch{Program: "scheduler", Args: []string{"-config", path}})
	if err != nil {
		t.Fatal(err)
	}
	s.scheduler = append(s.scheduler, second)
	s.examine(t, s.good, doctor.Finding{
		Area: doctor.AreaSchedulers, Subject: "all", Severity: doctor.Error, What: "2 schedulers use 2 configurations: 1 with ",
		Fix: "give all of them the same files, and send each a SIGHUP", Commands: []string{"rotatectl config check"},
	})
}
