package clustertest_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/internal/devenv"
	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
)

var (
	runFor = flag.Duration("cluster.for", 20*time.Second, "how long the fleet rotates while the cluster is disturbed")
	runLag = flag.Duration("cluster.lag", 2*time.Second, "how far the lagging standby is behind")
)

const (
	workers     = 3
	credentials = 30
	// between is the pause between two faults; an election takes two seconds of it.
	between = 4 * time.Second
)

// A fleet rotates through a load balancer over three nodes, one of which lags, while the active one steps down and is
// killed in turn.
func TestNothingIsLostOrFalselyQuarantinedInACluster(t *testing.T) {
	t.Parallel()
	cluster, err := devenv.StartVaultCluster(t.Context(), t.TempDir(), 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	balancer, address := newBalancer(t, cluster.Nodes, *runLag)
	f := newFleet(credentials)
	role := workerRole(t, cluster.Nodes[0])

	ctx, cancel := context.WithTimeout(t.Context(), *runFor)
	defer cancel()
	var all sync.WaitGroup
	began := time.Now()
	machines := make([]*rotation.Machine, workers)
	for w := range machines {
		store := role
		store.Address = address
		v, err := vaultkv.Open(t.Context(), map[string]vaultkv.StoreConfig{"main": store})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(v.Close)
		if err := v.Check(ctx, vaultkv.ReadWrite, f.credentials[0].Place); err != nil {
			t.Errorf("worker %d does not start: %v", w, err)
		}
		machines[w] = f.machine(fmt.Sprintf("worker-%d", w), v, v)
	}
	for i, cred := range f.credentials {
		all.Go(func() { rotateOn(ctx, &all, f, machines, cred, i) })
	}
	faults := disturb(ctx, t, cluster, f)
	all.Wait()
	balancer.lag.Lag(0)
	settle(t, f, machines)
	active, err := cluster.AwaitActive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lost, quarantined := judge(t, f, active)
	l := balancer.lag.Counts()
	t.Logf("cluster rotations=%d in=%s lost=%d falsely_quarantined=%d longest_without_a_promotion=%.1fs %s stale_reads=%d cas_refused_by_copy=%d unknown_token=%d notices=%v",
		f.count, time.Since(began).Round(time.Second), lost, quarantined, f.longest.Seconds(), faults, l.Stale, l.Refused, l.Unknown, f.notices)
	if lost+quarantined > 0 {
		t.Error("a password was lost, or a credential put aside without a reason")
	}
	if f.count < credentials || l.Stale == 0 || l.Refused == 0 {
		t.Errorf("%d rotations, %d stale reads, %d writes refused by a copy: the run shows nothing", f.count, l.Stale, l.Refused)
	}
}

// rotateOn rotates one credential again and again, now here and now there, as jobs that come twice do.
func rotateOn(ctx context.Context, all *sync.WaitGroup, f *fleet, machines []*rotation.Machine, cred *rotation.Credential, i int) {
	for n := i; ctx.Err() == nil; n++ {
		slot := time.Now().UTC()
		for ctx.Err() == nil {
			job := rotation.Job{Slot: slot, Reason: rotation.ReasonScheduled}
			if n%7 == 0 {
				twin := machines[(n+1)%len(machines)]
				all.Go(func() { twin.Rotate(ctx, f.subject(cred), rotation.Job{Slot: slot, Reason: rotation.ReasonResume}) })
			}
			result := machines[n%len(machines)].Rotate(ctx, f.subject(cred), job)
			if result.Status == rotation.Done || result.Status == rotation.Ended {
				break
			}
			_ = rotation.WallClock{}.Sleep(ctx, min(max(result.After, 50*time.Millisecond), time.Second))
			n++
		}
		_ = rotation.WallClock{}.Sleep(ctx, 200*time.Millisecond)
	}
}

// disturb lets the active node step down and kills it in turn, until ctx ends, and says how long nothing was promoted
// around each.
func disturb(ctx context.Context, t *testing.T, cluster *devenv.VaultCluster, f *fleet) string {
	t.Helper()
	gaps := map[string]time.Duration{}
	counts := map[string]int{}
	for n := 0; (rotation.WallClock{}).Sleep(ctx, between) == nil; n++ {
		kind, strike := "step_down", cluster.StepDown
		if n%2 == 1 {
			kind, strike = "sigkill", func(ctx context.Context) error { return killActive(ctx, t, cluster) }
		}
		f.gap()
		if err := strike(ctx); err != nil {
			continue // no node is active: the last fault is not over
		}
		if (rotation.WallClock{}).Sleep(ctx, between) != nil {
			break
		}
		counts[kind]++
		gaps[kind] = max(gaps[kind], f.gap())
	}
	var text []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		text = append(text, fmt.Sprintf("%s=%d stuck_%s=%.1fs", kind, counts[kind], kind, gaps[kind].Seconds()))
	}
	return strings.Join(text, " ")
}

// killActive kills the active node, and brings it back at once: it is a standby then.
func killActive(ctx context.Context, t *testing.T, cluster *devenv.VaultCluster) error {
	t.Helper()
	node := cluster.Active(ctx)
	if node == nil {
		return errors.New("no node is active")
	}
	if err := node.Kill(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // a node that is gone when the run ends would be missing at the judgement
	if err := node.Restart(ctx); err != nil {
		return err
	}
	return cluster.Unseal(ctx, node)
}

// settle lets every credential come to its end, in peace.
func settle(t *testing.T, f *fleet, machines []*rotation.Machine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var all sync.WaitGroup
	for i, cred := range f.credentials {
		all.Go(func() {
			slot := time.Now().UTC()
			for n := i; ctx.Err() == nil; n++ {
				result := machines[n%len(machines)].Rotate(ctx, f.subject(cred), rotation.Job{Slot: slot, Reason: rotation.ReasonScheduled})
				if result.Status == rotation.Done || result.Status == rotation.Ended {
					return
				}
				_ = rotation.WallClock{}.Sleep(ctx, min(max(result.After, 50*time.Millisecond), time.Second))
			}
			t.Errorf("%s does not come to rest", cred.ID)
		})
	}
	all.Wait()
}
