package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/config"
	"keyturn/internal/devenv"
	"keyturn/internal/due"
	"keyturn/internal/providers"
	"keyturn/internal/rotation"
)

const consoleToken = "bench"

// consoleDigest is what the configuration has of the token.
func consoleDigest() string { return fmt.Sprintf("%x", sha256.Sum256([]byte(consoleToken))) }

// looks is how often a page is asked for.
const looks = 20

// pages measures the console with a million credentials: how long its pages take, and the most memory that it takes.
func pages(ctx context.Context, l *lab) (err error) {
	r, err := l.rig(ctx, plan{size: 1, accounts: 10}) // for its Redis
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	f, err := l.fleet(plan{size: million, accounts: 10})
	if err != nil {
		return err
	}
	if err := f.configure(r.server.Addr); err != nil {
		return err
	}
	if err := f.mirror(ctx, r.server.Addr, 24*time.Hour); err != nil {
		return err
	}
	p, err := f.run(ctx, "console", "/readyz")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	url, err := f.consoleURL()
	if err != nil {
		return err
	}
	fleetPage, err := look(ctx, url+"/")
	if err != nil {
		return err
	}
	report("console_fleet_page_ms", ms(fleetPage), "ms")
	var slowest time.Duration
	for _, query := range []string{"q=0999999", "q=there+is+none+such", "state=quarantined", "q=99&state=healthy"} {
		took, err := look(ctx, url+"/credentials?"+query)
		if err != nil {
			return err
		}
		slowest = max(slowest, took)
	}
	report("console_search_ms", ms(slowest), "ms")
	plan, err := planned(ctx, url+"/v1/plan")
	if err != nil {
		return err
	}
	report("console_plan_s", plan.Seconds(), "s")
	rss, err := peakMB(p.PID())
	report("console_rss_mb", rss, "MB")
	return err
}

// mirror fills an index as schedulers and workers do in the course of a period, of which a credential is up to 29 steps old.
func (f *fleet) mirror(ctx context.Context, addr string, step time.Duration) (err error) {
	cfg, err := config.Load(f.Config(), providers.All())
	if err != nil {
		return err
	}
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	defer func() { err = errors.Join(err, rdb.Close()) }()
	index, now := due.NewIndex(rdb), time.Now()
	var some []due.Finding
	n := 0
	for cred := range cfg.Credentials() {
		rotated := now.Add(-time.Duration(n%30) * step)
		finding := due.Finding{
			Cred: cred, Due: cred.Schedule.Next(rotated, cred.ID), Shown: due.Shown{Known: true, Version: 12, RotatedAt: rotated, Verified: rotation.VerifiedYes},
		}
		if n++; n%10_000 == 0 {
			finding.Stuck, finding.Why = true, "target: the account has no such sender address"
		}
		if some = append(some, finding); len(some) == 1000 || n == cfg.Len() {
			if err := index.Add(ctx, some); err != nil {
				return err
			}
			some = some[:0]
		}
	}
	return nil
}

var errNoURL = errors.New("the console does not say where it is served")

func (f *fleet) consoleURL() (string, error) {
	text, err := os.ReadFile(f.file("console.log"))
	if err != nil {
		return "", err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var said struct{ Msg, URL string }
		if json.Unmarshal(lines.Bytes(), &said) == nil && said.Msg == "console" {
			return said.URL, nil
		}
	}
	return "", errNoURL
}

// planned asks for a plan until it is worked out, and returns how long that took.
func planned(ctx context.Context, url string) (time.Duration, error) {
	for start := time.Now(); ; {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return 0, err
		}
		req.Header.Set("Authorization", "Bearer "+consoleToken)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(io.Discard, res.Body)
		if err = errors.Join(err, res.Body.Close()); err != nil {
			return 0, err
		}
		switch res.StatusCode {
		case http.StatusOK:
			return time.Since(start), nil
		case http.StatusServiceUnavailable: // it goes on
		default:
			return 0, fmt.Errorf("%s: HTTP %d", url, res.StatusCode)
		}
	}
}

// look asks for a page again and again, and returns the time that 19 of 20 kept to.
func look(ctx context.Context, url string) (time.Duration, error) {
	took := make([]time.Duration, looks)
	for i := range took {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return 0, err
		}
		req.Header.Set("Authorization", "Bearer "+consoleToken)
		start := time.Now()
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(io.Discard, res.Body)
		took[i] = time.Since(start)
		if err = errors.Join(err, res.Body.Close()); err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: HTTP %d", url, res.StatusCode)
		}
		if err != nil {
			return 0, err
		}
		if err := devenv.Pause(ctx, 50*time.Millisecond); err != nil {
			return 0, err
		}
	}
	slices.Sort(took)
	return took[len(took)-2], nil
}
