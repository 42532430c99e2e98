package freeze_test

import (
	"testing"
	"time"

	"keyturn/internal/freeze"
	"keyturn/internal/rotation"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

func days(n int) time.Time { return noon.AddDate(0, 0, n) }

func TestAFreezeCoversWhatAllOfItsScopeAppliesTo(t *testing.T) {
	t.Parallel()
	shop := &rotation.Marks{Owner: "shop", Labels: map[string]string{"tier": "gold"}}
	for name, test := range map[string]struct {
		scope  freeze.Scope
		marks  *rotation.Marks
		covers bool
	}{
		"all":                {freeze.Scope{}, nil, true},
		"the account":        {freeze.Scope{Account: "ses"}, nil, true},
		"another account":    {freeze.Scope{Account: "kirim"}, shop, false},
		"the owner":          {freeze.Scope{Owner: "shop"}, shop, true},
		"another owner":      {freeze.Scope{Owner: "web"}, shop, false},
		"no owner":           {freeze.Scope{Owner: "shop"}, nil, false},
		"account and label":  {freeze.Scope{Account: "ses", Labels: map[string]string{"tier": "gold"}}, shop, true},
		"one of two is none": {freeze.Scope{Account: "ses", Labels: map[string]string{"tier": "silver"}}, shop, false},
	} {
		if got := test.scope.Covers("ses", test.marks); got != test.covers {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTheFreezeThatEndsLastHolds(t *testing.T) {
	t.Parallel()
	set := freeze.Set{
		{Name: "short", From: days(0), Until: days(2)},
		{Name: "long", From: days(1), Until: days(5)},
		{Name: "next", From: days(5), Until: days(6)},
		{Name: "later", From: days(8), Until: days(9)},
	}
	for at, want := range map[time.Time]string{
		days(-1): "", days(0): "short", days(1): "long", days(5).Add(-1): "long", days(5): "next", days(6): "", days(8): "later", days(9): "",
	} {
		got := ""
		if f := set.At(at); f != nil {
			got = f.Name
		}
		if got != want {
			t.Errorf("at %s: %q, want %q", at, got, want)
		}
	}
	for at, want := range map[time.Time]time.Time{days(-1): days(-1), days(0): days(6), days(7): days(7), days(8): days(9)} {
		if got := set.Thaw(at); !got.Equal(want) {
			t.Errorf("from %s it thaws at %s, want %s", at, got, want)
		}
	}
}

func TestAFreezeTakesThePlaceOfThatOfItsScope(t *testing.T) {
	t.Parallel()
	ses, shop := freeze.Scope{Account: "ses"}, freeze.Scope{Owner: "shop"}
	set := freeze.Set{}.With(freeze.Freeze{Scope: ses, Until: days(1)}, noon).With(freeze.Freeze{Scope: shop, Until: days(9)}, noon)
	set = set.With(freeze.Freeze{Scope: ses, Until: days(3)}, noon)
	if len(set) != 2 || !set.Of("ses", nil).At(noon).Until.Equal(days(3)) {
		t.Errorf("%+v", set)
	}
	if left := set.Without(shop, noon); len(left) != 1 || left[0].Account != "ses" {
		t.Errorf("without: %+v", left)
	}
	if both := set.With(freeze.Freeze{Scope: freeze.Scope{Account: "ses", Owner: "shop"}, Until: days(4)}, noon); len(both) != 3 {
		t.Errorf("a narrower scope of the same account: %+v", both)
	}
	if over := set.With(freeze.Freeze{Until: days(20)}, days(10)); len(over) != 1 {
		t.Errorf("what is over is kept: %+v", over)
	}
	if len(set) != 2 {
		t.Errorf("the set was changed: %+v", set)
	}
}
