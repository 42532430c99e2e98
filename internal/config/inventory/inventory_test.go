package inventory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/config/inventory"
	"keyturn/internal/policy"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// settings are what credentials share.
type settings struct {
	policy   *policy.Policy
	schedule *schedule.Schedule
	verify   *rotation.Verification
}

func resolve(t *testing.T, length int, every string) settings {
	t.Helper()
	p, err := policy.Resolve(policy.Rule{}, policy.Spec{Name: "p", Length: length})
	if err != nil {
		t.Fatal(err)
	}
	s, err := schedule.Parse(schedule.Spec{Every: every})
	if err != nil {
		t.Fatal(err)
	}
	return settings{p, s, &rotation.Verification{}}
}

func (s settings) credential(id string) rotation.Credential {
	return rotation.Credential{
		ID: id, Account: "a", Target: id + "@example.com", Place: rotation.Place{Store: "default", Path: "mail/" + id},
		Policy: s.policy, Schedule: s.schedule, Verify: s.verify,
	}
}

// fill makes an inventory, of which the n-th credential stands in line n+1 of file 7.
func fill(t *testing.T, before *inventory.Inventory, list ...rotation.Credential) *inventory.Inventory {
	t.Helper()
	made := &inventory.Inventory{}
	b := inventory.Fill(made, before)
	for i, c := range list {
		if n, taken := b.Add(c, 7, uint32(i+1)); taken != nil || int(n) != i {
			t.Fatalf("%s has the number %d; %v", c.ID, n, taken)
		}
	}
	return made
}

func TestEveryCredentialIsFoundByItsIDAndInItsOrder(t *testing.T) {
	t.Parallel()
	const many = 2000
	s := resolve(t, 20, "30d")
	var list []rotation.Credential
	for i := range many {
		list = append(list, s.credential(fmt.Sprintf("c%d", i)))
		list[i].Username = []string{"", list[i].Target, "root"}[i%3]
	}
	in := fill(t, &inventory.Inventory{}, list...)
	if in.Len() != many {
		t.Errorf("holds %d credentials", in.Len())
	}
	seen := 0
	for c := range in.Credentials() {
		e, ok := in.Entry(c.ID)
		if *c != list[seen] || !ok || e.Credential != c || e.File != 7 || int(e.Line) != seen+1 {
			t.Fatalf("no. %d is %+v, found at %+v", seen, c, e)
		}
		seen++
	}
	if c, ok := in.Credential("c2000"); ok || seen != many {
		t.Errorf("went over %d credentials, found %v", seen, c)
	}
}

func TestAnIDIsTakenOnce(t *testing.T) {
	t.Parallel()
	s := resolve(t, 20, "30d")
	made := &inventory.Inventory{}
	b := inventory.Fill(made, &inventory.Inventory{})
	b.Add(s.credential("one"), 0, 1)
	second := s.credential("one")
	second.Target = "two@example.com"
	if _, taken := b.Add(second, 0, 2); taken == nil || taken.Line != 1 || made.Len() != 1 {
		t.Errorf("%+v has the id, of %d", taken, made.Len())
	}
}

func TestOneCredentialHasAThingWithinItsScope(t *testing.T) {
	t.Parallel()
	s := resolve(t, 20, "30d")
	b := inventory.Fill(&inventory.Inventory{}, &inventory.Inventory{})
	places := b.Claims()
	for i, try := range []struct{ store, path, holder string }{
		{"one", "a", ""}, {"two", "a", ""}, {"one", "b", ""}, {"one", "a", "c0"}, {"two", "a", "c1"}, {"one", "a", "c0"},
	} {
		c := s.credential(fmt.Sprintf("c%d", i))
		c.Place = rotation.Place{Store: try.store, Path: try.path}
		n, _ := b.Add(c, 0, 0)
		holder := ""
		if e := places.Claim(c.Place.Path, c.Place.Store, n, func(o *rotation.Credential) bool { return o.Place == c.Place }); e != nil {
			holder = e.ID
		}
		if holder != try.holder {
			t.Errorf("%s in %s is %q's for %s, want %q", try.path, try.store, holder, c.ID, try.holder)
		}
	}
}

// TestWhatStaysIsNotKeptTwice: the inventory before is in memory until the next one is in force.
func TestWhatStaysIsNotKeptTwice(t *testing.T) {
	t.Parallel()
	s, again := resolve(t, 20, "30d"), resolve(t, 20, "30d")
	before := fill(t, &inventory.Inventory{}, s.credential("same"), s.credential("other"))
	changed := again.credential("other")
	changed.Target = "new@example.com"
	after := fill(t, before, changed, again.credential("same"))
	was, _ := before.Credential("same")
	if now, _ := after.Credential("same"); now != was {
		t.Error("a credential that did not change is a second one")
	}
	if now, _ := after.Credential("other"); now.Target != changed.Target {
		t.Errorf("a credential that changed is still %+v", now)
	}
}

func TestDiffNamesWhatChanged(t *testing.T) {
	t.Parallel()
	list := func(change func(c *rotation.Credential), ids ...string) []rotation.Credential {
		s := resolve(t, 20, "30d")
		var all []rotation.Credential
		for _, id := range ids {
			c := s.credential(id)
			change(&c)
			all = append(all, c)
		}
		return all
	}
	longer, later := resolve(t, 21, "30d"), resolve(t, 20, "31d")
	before := fill(t, &inventory.Inventory{}, list(func(*rotation.Credential) {}, "same", "policy", "when", "verify", "gone")...)
	after := fill(t, &inventory.Inventory{}, list(func(c *rotation.Credential) {
		switch c.ID {
		case "policy":
			c.Policy = longer.policy
		case "when":
			c.Schedule = later.schedule
		case "verify":
			c.Verify = &rotation.Verification{Mode: rotation.VerifySMTP}
		}
	}, "same", "policy", "when", "verify", "new")...)
	d := inventory.Diff(before, after)
	if got := ids(d.Added) + "|" + ids(d.Changed) + "|" + ids(d.Removed); got != "new|policy verify when|gone" {
		t.Errorf("got %s", got)
	}
	equal := fill(t, &inventory.Inventory{}, list(func(*rotation.Credential) {}, "same", "policy", "when", "verify", "gone")...)
	if d.Empty() || !inventory.Diff(before, equal).Empty() {
		t.Error("Empty is wrong")
	}
}

func ids(list []*rotation.Credential) string {
	var names []string
	for _, c := range list {
		names = append(names, c.ID)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestADigestTellsRecordsApart(t *testing.T) {
	t.Parallel()
	sums := map[[32]byte]int{}
	for i, records := range [][][]any{
		{}, {{}}, {{""}}, {{"ab"}}, {{"a", "b"}}, {{"a"}, {"b"}}, {{[]string{"a", "b"}}}, {{[]string{"ab"}}}, {{1}}, {{true}},
	} {
		d := inventory.NewDigest()
		for _, parts := range records {
			d.Record(parts...)
		}
		sum := d.Sum()
		if other, ok := sums[sum]; ok {
			t.Errorf("no. %d and no. %d are the same", i, other)
		}
		sums[sum] = i
	}
}
