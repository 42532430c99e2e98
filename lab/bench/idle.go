package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv"
)

// manyAccounts is what an agency has that looks after others' mail.
const manyAccounts = 1000

const (
	settleFor = 10 * time.Second // after the start, which is measured by itself
	idleSpan  = 30 * time.Second // in which a worker looks at all accounts once
)

// idle measures what a worker costs while there is nothing to do, with more and more accounts.
func idle(ctx context.Context, l *lab) error {
	for _, accounts := range []int{1, 10, 100, manyAccounts} {
		if err := l.idleWith(ctx, accounts); err != nil {
			return fmt.Errorf("%d accounts: %w", accounts, err)
		}
	}
	return nil
}

func (l *lab) idleWith(ctx context.Context, accounts int) (err error) {
	r, err := l.rig(ctx, plan{size: accounts, accounts: accounts}) // for its Redis
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	began := time.Now()
	w, err := r.run(ctx, "worker", "/readyz")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Stop()) }()
	took := time.Since(began)
	if err := devenv.Pause(ctx, settleFor); err != nil {
		return err
	}
	ours, err := connections(ctx, r.rdb) // of the bench are some too, and the worker's begin with its first command
	if err != nil {
		return err
	}
	cpu, commands, err := r.spent(ctx, w)
	if err != nil {
		return err
	}
	if err := devenv.Pause(ctx, idleSpan); err != nil {
		return err
	}
	cpuAfter, commandsAfter, err := r.spent(ctx, w)
	if err != nil {
		return err
	}
	peak, err := peakMB(w.PID())
	if err != nil {
		return err
	}
	figure := fmt.Sprintf("idle_accounts_%d_", accounts)
	report(figure+"redis_commands_per_s", perSecond(int(commandsAfter-commands), idleSpan), "1/s")
	report(figure+"worker_cpu_percent", 100*(cpuAfter-cpu).Seconds()/idleSpan.Seconds(), "% of one CPU")
	report(figure+"connections", float64(ours), "connections")
	report(figure+"rss_mb", peak, "MB")
	if accounts == manyAccounts {
		report(fmt.Sprintf("accounts_start_%d_s", accounts), took.Seconds(), "s")
	}
	return nil
}

// spent is the CPU time that a program has used so far, and how many commands Redis has carried out.
func (r *rig) spent(ctx context.Context, p *devenv.Program) (cpu time.Duration, commands int64, err error) {
	if cpu, err = cpuTime(p.PID()); err != nil {
		return 0, 0, err
	}
	commands, err = countCommands(ctx, r.rdb)
	return cpu, commands, err
}

// connections is how many clients are connected to a Redis, the one that asks left out.
func connections(ctx context.Context, rdb redis.UniversalClient) (int, error) {
	info, err := rdb.Info(ctx, "clients").Result()
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(info) {
		if n, ok := strings.CutPrefix(line, "connected_clients:"); ok {
			all, err := strconv.Atoi(strings.TrimSpace(n))
			return all - 1, err
		}
	}
	return 0, errProc
}
