package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func TestAClockIsJudgedByWhatItIsOffAtLeast(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ahead, unsure time.Duration
		want          Severity
	}{
		{0, 0, OK},
		{9 * time.Second, 0, OK},
		{10 * time.Second, 0, Warning},
		{-10 * time.Second, 0, Warning},
		{29 * time.Second, 0, Warning},
		{30 * time.Second, 0, Error},
		{-30 * time.Second, 0, Error},
		{35 * time.Second, 6 * time.Second, Warning}, // the answer took that long
		{-35 * time.Second, 6 * time.Second, Warning},
		{12 * time.Second, 3 * time.Second, OK},
		{time.Second, time.Minute, OK},
	} {
		for _, of := range []Area{AreaRedis, AreaVault, AreaProvider} {
			f := Clock(of, "x", Reading{Theirs: noon, Ours: noon.Add(tt.ahead), Unsure: tt.unsure})
			if f.Severity != tt.want || (f.Severity == OK) != (f.Why == "" && f.Fix == "" && f.Commands == nil) {
				t.Errorf("%v ahead, unsure by %v: %+v, want %s", tt.ahead, tt.unsure, f, tt.want)
			}
		}
	}
}

func TestADateIsCutOffToTheSecond(t *testing.T) {
	t.Parallel()
	for _, late := range []time.Duration{0, 999 * time.Millisecond} {
		r := DateReading(noon, noon.Add(late), 0)
		if r.ahead() != 0 {
			t.Errorf("%v after the Date we seem to be %v ahead", late, r.ahead())
		}
	}
}

func TestATokenIsJudgedByWhetherThereWillBeAnotherOne(t *testing.T) {
	t.Parallel()
	const month = 32 * 24 * time.Hour
	for _, tt := range []struct {
		name  string
		auth  config.Auth
		token vaultkv.Token
		want  Severity
	}{
		{"without an end", fixed(), vaultkv.Token{}, OK},
		{"periodic", fixed(), vaultkv.Token{Left: time.Hour, Renewable: true, Period: time.Hour}, OK},
		{"periodic with a limit of its own", fixed(), vaultkv.Token{Left: time.Hour, Renewable: true, Period: time.Hour, Most: 2 * time.Hour}, Error},
		{"periodic that may not be renewed", fixed(), vaultkv.Token{Left: time.Hour, Period: time.Hour}, Error},
		{"renewable until the max TTL", fixed(), vaultkv.Token{Left: time.Hour, Renewable: true}, Warning},
		{"soon over", fixed(), vaultkv.Token{Left: time.Hour}, Error},
		{"over in a month", fixed(), vaultkv.Token{Left: month}, Warning},
		{"soon over, in a file that may be replaced", inFile(), vaultkv.Token{Left: time.Hour}, Warning},
		{"nearly over, in a file that was not replaced", inFile(), vaultkv.Token{Left: 5 * time.Minute}, Error},
		{"nearly over whatever is renewed, in a file", inFile(), vaultkv.Token{Left: time.Minute, Renewable: true, Most: 5 * time.Minute}, Error},
		{"a minute, and renewable until the max TTL, in a file", inFile(), vaultkv.Token{Left: time.Minute, Renewable: true}, Warning},
		{"of a login", config.Auth{Method: "approle"}, vaultkv.Token{Left: time.Hour}, OK},
		{"of a login, for seconds", config.Auth{Method: "approle"}, vaultkv.Token{Left: 30 * time.Second}, Warning},
		{"of a login, for a few requests", config.Auth{Method: "approle"}, vaultkv.Token{Left: time.Hour, Uses: 5}, Error},
		{"with the default policy", config.Auth{Method: "approle"}, vaultkv.Token{Left: time.Hour, Default: true}, Warning},
	} {
		s := Store{Config: &config.Store{Name: "default", Auth: tt.auth}}
		worst := OK
		for _, f := range s.token(tt.token) {
			if f.Severity == Error || f.Severity == Warning && worst == OK {
				worst = f.Severity
			}
			if f.Severity != OK && (f.Why == "" || f.Fix == "" || len(f.Commands) == 0) {
				t.Errorf("%s: no way out in %+v", tt.name, f)
			}
		}
		if worst != tt.want {
			t.Errorf("%s: %s, want %s: %+v", tt.name, worst, tt.want, s.token(tt.token))
		}
	}
}

func fixed() config.Auth {
	return config.Auth{Method: "token", Secret: config.Source{Env: "VAULT_TOKEN_OF_KEYTURN"}}
}

func inFile() config.Auth {
	return config.Auth{Method: "token", Secret: config.Source{File: "token"}}
}

func TestANodeThatIsAwayIsAnErrorOnlyWhereNoOtherOneServes(t *testing.T) {
	t.Parallel()
	s := Store{Config: &config.Store{Name: "default"}}
	well := vaultkv.Health{Address: "a", Initialized: true, Version: "1.19.0", Date: noon, Asked: noon}
	away := vaultkv.Health{Address: "b", Err: errors.New("connection refused")}
	sealed := vaultkv.Health{Address: "c", Initialized: true, Sealed: true, Date: noon, Asked: noon}
	for _, tt := range []struct {
		nodes  []vaultkv.Health
		usable bool
		want   Severity // of the last one
	}{
		{[]vaultkv.Health{well}, true, OK},
		{[]vaultkv.Health{well, away}, true, Warning},
		{[]vaultkv.Health{well, sealed}, true, Warning},
		{[]vaultkv.Health{away, sealed}, false, Error},
		{[]vaultkv.Health{sealed, away}, false, Error},
		{[]vaultkv.Health{{Address: "d", Date: noon, Asked: noon}}, false, Error}, // not initialized
	} {
		found, usable := s.nodes(tt.nodes)
		last := OK
		for _, f := range found {
			if f.Area == AreaVault {
				last = f.Severity
			}
		}
		if usable != tt.usable || last != tt.want {
			t.Errorf("%+v: usable %t, %s", tt.nodes, usable, last)
		}
	}
}

func TestPathsOfOneFolderAreOneFinding(t *testing.T) {
	t.Parallel()
	s := Store{Config: &config.Store{Name: "default", Mount: "secret", JournalMount: "journal"}}
	var lacks []*vaultkv.LackError
	for i := range 500 {
		lacks = append(lacks, &vaultkv.LackError{Store: "default", Path: fmt.Sprintf("secret/data/mail/c%d", i), Lacks: []string{"update"}})
	}
	lacks = append(lacks,
		&vaultkv.LackError{Path: "secret/data/web/d", Lacks: []string{"update"}},
		&vaultkv.LackError{Path: "journal/data/abc/capability-check", Lacks: []string{"create"}},
		&vaultkv.LackError{Path: "auth/token/renew-self", Lacks: []string{"update"}})
	var got []string
	for _, f := range s.lacks(lacks) {
		got = append(got, f.What+" → "+strings.Join(f.Commands, "; "))
	}
	want := []string{
		`the token lacks update on secret/data/mail/c0 and 499 more beside it → path "secret/data/mail/*" { capabilities = ["create", "read", "update"] }`,
		`the token lacks update on secret/data/web/d → path "secret/data/web/*" { capabilities = ["create", "read", "update"] }`,
		`the token lacks create on journal/data/abc/capability-check → path "journal/data/*" { capabilities = ["create", "read", "update"] }`,
		`the token lacks update on auth/token/renew-self → path "auth/token/renew-self" { capabilities = ["update"] }`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestARateIsHeldAgainstWhatFallsDue(t *testing.T) {
	t.Parallel()
	account := &config.Account{Rates: []rotation.Rate{{Requests: 100, Per: time.Hour}}}
	for _, tt := range []struct {
		due  float64
		want Severity
		says string
	}{
		{0, OK, ""},
		{900, OK, ""},
		{950, Warning, "rotate at most 0.95 times as often"},
		{2000, Error, "set accounts.news.rate to 223/h or more (it is 100/h)"},
	} {
		f := Rate(operate.Pace{Account: "news", Credentials: 3000, DuePerDay: tt.due, CanGoPerDay: 1000}, account)
		if f.Severity != tt.want || !strings.Contains(f.Fix, tt.says) || !strings.Contains(f.What, "a round of all 3000 takes 3 days") {
			t.Errorf("%v a day: %+v", tt.due, f)
		}
	}
	if f := Rate(operate.Pace{Account: "news", Credentials: 1, DuePerDay: 1}, account); f.Severity != Error {
		t.Errorf("nothing can go: %+v", f)
	}
	if f := Rate(operate.Pace{Account: "news", DuePerDay: 3, CanGoPerDay: 1, Slowest: "mail:465"}, account); !strings.Contains(f.Fix, "verify.smtp.rate of mail:465") {
		t.Errorf("the mail server is the limit: %+v", f)
	}
}

func TestARateIsSaidInNumbersThatPeopleRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pace operate.Pace
		want string
	}{
		{operate.Pace{Credentials: 28, DuePerDay: 304800, CanGoPerDay: 8207000}, "304800 a day fall due, 8207000 a day can go; a round of all 28 takes less than 2 seconds"},
		{operate.Pace{Credentials: 30, DuePerDay: 1.25, CanGoPerDay: 43200}, "1.25 a day fall due, 43200 a day can go; a round of all 30 takes 60 seconds"},
		{operate.Pace{Credentials: 2, DuePerDay: 1, CanGoPerDay: 8}, "1 a day fall due, 8 a day can go; a round of all 2 takes 6 hours"},
		{operate.Pace{Credentials: 5, DuePerDay: 99, CanGoPerDay: 2}, "99 a day fall due, 2 a day can go; a round of all 5 takes 2.5 days"},
	} {
		if f := Rate(tt.pace, &config.Account{}); f.What != tt.want {
			t.Errorf("%q, want %q", f.What, tt.want)
		}
	}
}

func TestSchedulersAreHeldAgainstEachOtherAndAgainstThisConfiguration(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		announced []string
		want      Severity
	}{
		{nil, Warning},
		{[]string{"a one"}, OK},
		{[]string{"a one", "b one"}, OK},
		{[]string{"a two", "b two"}, Warning},
		{[]string{"a one", "b two"}, Error},
		{[]string{"\x1b[2J"}, Warning},
	} {
		if f := Schedulers(tt.announced, "one"); f.Severity != tt.want || (f.Severity == OK) != (f.Fix == "") {
			t.Errorf("%q: %+v", tt.announced, f)
		}
	}
}

func TestAQueueIsStuckWherePausedWhereArchivedAndWhereItsNextJobIsOld(t *testing.T) {
	t.Parallel()
	waiting := queue.Depth{Account: "a", Pending: 3}
	for _, tt := range []struct {
		name string
		q    queue.Stuck
		want Severity
	}{
		{"empty", queue.Stuck{}, OK},
		{"paused", queue.Stuck{Depth: queue.Depth{Paused: true}}, Error},
		{"archived", queue.Stuck{Archived: 1}, Error},
		{"new", queue.Stuck{Depth: waiting, Oldest: noon.Add(-14 * time.Minute)}, OK},
		{"old", queue.Stuck{Depth: waiting, Oldest: noon.Add(-16 * time.Minute)}, Error},
		{"of a clock that is ahead", queue.Stuck{Depth: waiting, Oldest: noon.Add(time.Hour)}, OK},
	} {
		if found := Queues([]queue.Stuck{{}, tt.q}, noon); len(found) != 1 || found[0].Severity != tt.want {
			t.Errorf("%s: %+v", tt.name, found)
		}
	}
}

func TestChecksAreBoundedInTimeAndInNumberAndReportedByArea(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		running, most := 0, 0
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			running += n
			most = max(most, running)
		}
		hang := func(ctx context.Context) []Finding {
			count(1)
			defer count(-1)
			<-ctx.Done()
			return []Finding{{Area: AreaProvider, Severity: Error}}
		}
		var checks []Check
		for range 3 * atOnce {
			checks = append(checks, Check{Area: AreaProvider, Look: hang})
		}
		checks = append(checks, Check{Area: AreaRedis, Look: func(context.Context) []Finding { return []Finding{{Area: AreaRedis, Severity: OK}} }})
		const limit = 2*patience - time.Second
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		began := time.Now()
		r := Examine(ctx, checks)
		if took := time.Since(began); took != limit || most != atOnce {
			t.Errorf("took %v, %d at once", took, most)
		}
		if r.Errors != 2*atOnce || r.Skipped != atOnce+1 || r.Findings[0].Area != AreaRedis {
			t.Errorf("%d errors, %d skipped, first %+v", r.Errors, r.Skipped, r.Findings[0])
		}
	})
}
