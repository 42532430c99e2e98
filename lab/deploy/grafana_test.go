package deploy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// dashboard is what matters here of Grafana's model.
type dashboard struct {
	UID        string `json:"uid"`
	Templating struct {
		List []struct {
			Name  string `json:"name"`
			Query any    `json:"query"`
		} `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID          int    `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Grid        struct {
		X, Y, W, H int
	} `json:"gridPos"`
	Datasource struct {
		UID string `json:"uid"`
	} `json:"datasource"`
	Targets []struct {
		Expr string `json:"expr"`
	} `json:"targets"`
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal(read(t, "../../deploy/grafana/keyturn.json"), &d); err != nil {
		t.Fatal(err)
	}
	if d.UID != "keyturn" || len(d.Panels) < 10 {
		t.Fatalf("read %+v", d)
	}
	return d
}

// variables are Grafana's, with what it would put in their place.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$account", ".*", "$job", ".*")

func TestEveryPanelAsksForWhatIsExported(t *testing.T) {
	t.Parallel()
	for _, p := range readDashboard(t).Panels {
		if len(p.Targets) == 0 {
			t.Errorf("%s asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			checkQuery(t, p.Title, variables.Replace(target.Expr))
		}
	}
}

func TestTheDashboardUsesTheVariablesThatItHas(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	text := string(read(t, "../../deploy/grafana/keyturn.json"))
	for _, v := range d.Templating.List {
		if !strings.Contains(text, "$"+v.Name) && !strings.Contains(text, "${"+v.Name+"}") {
			t.Errorf("the variable %s is not used", v.Name)
		}
		query, ok := v.Query.(map[string]any)
		if !ok {
			continue
		}
		within, ok := strings.CutPrefix(fmt.Sprint(query["query"]), "label_values(")
		metric, label, both := strings.Cut(strings.TrimSuffix(within, ")"), ", ")
		if !ok || !both {
			t.Errorf("the variable %s: %v", v.Name, query)
			continue
		}
		checkQuery(t, v.Name, fmt.Sprintf(`max by (%s) (%s)`, label, metric))
	}
}

func TestPanelsAreDistinctExplainedAndBesideEachOther(t *testing.T) {
	t.Parallel()
	ids, cells := map[int]bool{}, map[[2]int]string{}
	for _, p := range readDashboard(t).Panels {
		if p.Title == "" || p.Description == "" || ids[p.ID] || p.Datasource.UID != "${datasource}" {
			t.Errorf("panel %d %q: description %q, source %q", p.ID, p.Title, p.Description, p.Datasource.UID)
		}
		ids[p.ID] = true
		if p.Grid.W <= 0 || p.Grid.H <= 0 || p.Grid.X+p.Grid.W > 24 {
			t.Errorf("%s: %+v", p.Title, p.Grid)
		}
		for x := p.Grid.X; x < p.Grid.X+p.Grid.W; x++ {
			for y := p.Grid.Y; y < p.Grid.Y+p.Grid.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken {
					t.Fatalf("%s lies on %s", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
	}
}
