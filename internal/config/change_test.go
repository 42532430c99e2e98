package config_test

import (
	"strings"
	"testing"
)

func TestWhatAnotherStrategyMeansIsSaid(t *testing.T) {
	t.Parallel()
	const head = base + "credentials:\n  - {id: other, account: tencent, target: other@example.com, path: mail/other, username: other@example.com}\n"
	forms := map[string]string{
		"replace": "  - {id: shop, account: kirim, target: example.com/00000000-0000-4000-8000-000000000001, path: mail/shop, username: shop}\n",
		"pair": "  - {id: shop, account: kirim, path: mail/shop, strategy: pair, targets: [" +
			"{target: example.com/00000000-0000-4000-8000-000000000001, username: one}, {target: example.com/00000000-0000-4000-8000-000000000002, username: two}]}\n",
		"overlap": "  - {id: shop, account: kirim, target: example.com, path: mail/shop, strategy: overlap}\n",
	}
	says := map[string]string{
		"replace": "changes example.com/00000000-0000-4000-8000-000000000001, and programs are refused until",
		"pair":    "changes example.com/00000000-0000-4000-8000-000000000001 or example.com/00000000-0000-4000-8000-000000000002, whichever",
		"overlap": "makes an identity at example.com, and programs switch to its user name",
	}
	for from := range forms {
		for to := range forms {
			was, now := mustLoad(t, t.TempDir(), head+forms[from]), mustLoad(t, t.TempDir(), head+forms[to])
			c := now.ChangesFrom(was)
			if from == to {
				if len(c.Strategies)+c.Added+c.Changed+c.Removed != 0 {
					t.Errorf("%s stays as it is: %+v", from, c)
				}
				continue
			}
			if c.Changed != 1 || len(c.Strategies) != 1 {
				t.Fatalf("%s to %s: %+v", from, to, c)
			}
			s := c.Strategies[0]
			if s.Credential != "shop" || s.From != from || s.To != to || !strings.Contains(s.Means, says[to]) ||
				!strings.Contains(s.Means, "finishes as "+from) || strings.Contains(s.Means, "that wait are retired") != (from == "overlap") {
				t.Errorf("%s to %s: %+v", from, to, s)
			}
		}
	}
	if c := mustLoad(t, t.TempDir(), head).ChangesFrom(mustLoad(t, t.TempDir(), head+forms["pair"])); c.Removed != 1 || c.Added != 0 {
		t.Errorf("removed: %+v", c)
	}
	if c := mustLoad(t, t.TempDir(), head+forms["pair"]).ChangesFrom(mustLoad(t, t.TempDir(), head)); c.Removed != 0 || c.Added != 1 || len(c.Strategies) != 0 {
		t.Errorf("added: %+v", c)
	}
}
