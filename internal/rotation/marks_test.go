package rotation_test

import (
	"testing"

	"keyturn/internal/rotation"
)

func TestMarksAreHadByOwnerAndEveryLabel(t *testing.T) {
	t.Parallel()
	shop := &rotation.Marks{Owner: "shop", Labels: map[string]string{"tier": "gold", "team": "mail"}}
	for name, test := range map[string]struct {
		has, want *rotation.Marks
		is        bool
	}{
		"anything":       {shop, nil, true},
		"of none":        {nil, nil, true},
		"an owner":       {shop, &rotation.Marks{Owner: "shop"}, true},
		"another owner":  {shop, &rotation.Marks{Owner: "mail"}, false},
		"a label":        {shop, &rotation.Marks{Labels: map[string]string{"tier": "gold"}}, true},
		"all labels":     {shop, &rotation.Marks{Owner: "shop", Labels: map[string]string{"tier": "gold", "team": "mail"}}, true},
		"another value":  {shop, &rotation.Marks{Labels: map[string]string{"tier": "gold", "team": "web"}}, false},
		"another label":  {shop, &rotation.Marks{Labels: map[string]string{"env": "eu"}}, false},
		"an empty value": {shop, &rotation.Marks{Labels: map[string]string{"env": ""}}, false},
		"unmarked":       {nil, &rotation.Marks{Owner: "shop"}, false},
	} {
		if got := test.has.Has(test.want); got != test.is {
			t.Errorf("%s: %v", name, got)
		}
	}
}
