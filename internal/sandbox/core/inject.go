package core

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxFaults bounds the list.
const maxFaults = 10_000

// injector holds the faults that were asked for and picks the one that strikes a call.
type injector struct {
	now    func() time.Time
	traits map[Kind]trait
	some   atomic.Bool // spares the lock while there is no fault

	mu     sync.Mutex
	rand   *rand.Rand
	lastID int
	list   []Fault
	struck map[string]map[Kind]int // by provider
}

func newInjector(seed uint64, now func() time.Time, standIns []StandIn) *injector {
	//nolint:gosec // repeatable on purpose
	return &injector{now: now, traits: traitsOf(standIns), rand: rand.New(rand.NewPCG(seed, 0)), struck: map[string]map[Kind]int{}}
}

// add appends checked faults and returns them with their ids.
func (i *injector) add(faults ...Fault) ([]Fault, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.list)+len(faults) > maxFaults {
		return nil, fmt.Errorf("more than %d faults", maxFaults)
	}
	for n := range faults {
		i.lastID++
		faults[n].ID = i.lastID
		if lasts := faults[n].For.std(); lasts > 0 {
			faults[n].ends = i.now().Add(lasts)
		}
	}
	i.list = append(i.list, faults...)
	i.some.Store(len(i.list) > 0)
	return faults, nil
}

// remaining lists the faults that can still strike.
func (i *injector) remaining() []Fault {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.expire()
	return slices.Clone(i.list)
}

// expire drops the faults whose time is over. The caller holds the lock.
func (i *injector) expire() {
	now := i.now()
	i.list = slices.DeleteFunc(i.list, func(f Fault) bool { return !f.ends.IsZero() && !f.ends.After(now) })
	i.some.Store(len(i.list) > 0)
}

func (i *injector) clear() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.list = nil
	i.some.Store(false)
}

// counts says how often each kind struck at a provider.
func (i *injector) counts(code string) map[Kind]int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Clone(i.struck[code])
}

func (i *injector) resetCounts() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.struck = map[string]map[Kind]int{}
}

// event is something that a fault may strike.
type event struct {
	provider string
	at       At
	op       string
	changes  bool
	names    func() []string // of the target; asked for only if there is a fault
}

// plan is what strikes one call: at most one fault, and at most one that delays the SMTP side.
type plan struct {
	fault *Fault
	lag   time.Duration
	spoil func(Reply) Reply // what the one that lags makes of the reply; nil: nothing
}

// pick uses up the first fault in order of arrival that strikes the event, and the first that lags the SMTP side.
func (i *injector) pick(e event) plan {
	var p plan
	if !i.some.Load() {
		return p
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.expire()
	lagged, names := false, e.names()
	for n := range i.list {
		f := i.list[n]
		t := i.traits[f.Kind]
		isLag := t.lag
		if t.guard || !t.isOf(e.provider) || (isLag && lagged) || (!isLag && p.fault != nil) || !i.strikes(f, e, names) {
			continue
		}
		if isLag {
			lagged = true
			p.lag, p.spoil = f.Delay.std(), t.spoils[e.provider]
		} else {
			p.fault = &f
		}
		if f.Count > 0 {
			i.list[n].Count--
		}
		if i.struck[e.provider] == nil {
			i.struck[e.provider] = map[Kind]int{}
		}
		i.struck[e.provider][f.Kind]++
	}
	i.list = slices.DeleteFunc(i.list, func(f Fault) bool { return f.Count == 0 })
	i.some.Store(len(i.list) > 0)
	return p
}

// guard returns the standing fault of a kind at a provider, nil if there is none.
func (i *injector) guard(code string, kind Kind) *Fault {
	if !i.some.Load() {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.expire()
	for _, f := range i.list {
		if f.Kind == kind && (f.Provider == "" || f.Provider == code) {
			return &f
		}
	}
	return nil
}

// strike counts that a fault struck.
func (i *injector) strike(code string, kind Kind) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.struck[code] == nil {
		i.struck[code] = map[Kind]int{}
	}
	i.struck[code][kind]++
}

func (i *injector) strikes(f Fault, e event, names []string) bool {
	switch {
	case f.At != e.at,
		f.Provider != "" && f.Provider != e.provider,
		f.Target != "" && !slices.Contains(names, f.Target),
		f.Op == "" && f.At == AtAPI && !e.changes,
		f.Op != "" && f.Op != "*" && f.Op != e.op:
		return false
	}
	return f.Probability == 0 || i.rand.Float64() < f.Probability
}
