package deploy

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

func TestWhatConsolesServeIsWhereTheirServiceLooks(t *testing.T) {
	t.Parallel()
	for name, values := range sets(t) {
		all := objects(t, values)
		cfg := configuration(t, all)
		for _, s := range of[*core.Service](all) {
			p := pods(all)["console"]
			if !labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(p.labels)) {
				t.Errorf("%s: the Service does not find consoles", name)
			}
			at := slices.IndexFunc(p.spec.Containers[0].Ports, func(port core.ContainerPort) bool { return port.Name == s.Spec.Ports[0].TargetPort.StrVal })
			if at < 0 || cfg != nil && cfg.Console.Listen != fmt.Sprintf("0.0.0.0:%d", p.spec.Containers[0].Ports[at].ContainerPort) {
				t.Errorf("%s: the Service looks at %+v", name, s.Spec.Ports)
			}
		}
		for _, i := range of[*networking.Ingress](all) {
			if url := cfg.Console.URL.String(); url != "https://"+i.Spec.Rules[0].Host {
				t.Errorf("%s: the Ingress is for %s, the console at %s", name, i.Spec.Rules[0].Host, url)
			}
		}
	}
}

func TestEveryProgramHasItsBudgetItsSpreadAndItsPolicy(t *testing.T) {
	t.Parallel()
	for name, values := range sets(t) {
		if name == "existing" {
			continue // it wants none of them
		}
		all := objects(t, values)
		for program, p := range pods(all) {
			matches := func(s *meta.LabelSelector) bool {
				selector, err := meta.LabelSelectorAsSelector(s)
				return err == nil && selector.Matches(labels.Set(p.labels))
			}
			found := 0
			for _, n := range of[*networking.NetworkPolicy](all) {
				if matches(&n.Spec.PodSelector) && len(n.Spec.PolicyTypes) == 2 {
					found++
				}
			}
			if found != 1 {
				t.Errorf("%s: %d policies are for the %s", name, found, program)
			}
			if program == "doctor" {
				continue
			}
			found = 0
			for _, b := range of[*policy.PodDisruptionBudget](all) {
				if matches(b.Spec.Selector) && is(b.Spec.UnhealthyPodEvictionPolicy, policy.AlwaysAllow) {
					found++
				}
			}
			for _, c := range p.spec.TopologySpreadConstraints {
				if !matches(c.LabelSelector) {
					t.Errorf("%s: the %s spreads without counting itself", name, program)
				}
			}
			if found != 1 || len(p.spec.TopologySpreadConstraints) == 0 {
				t.Errorf("%s: %d budgets are for the %s, and %d constraints", name, found, program, len(p.spec.TopologySpreadConstraints))
			}
		}
	}
}

// ports are those that a policy lets pods of a program reach.
func ports(all []runtime.Object, program string) []int {
	reached := map[int]bool{}
	for _, n := range of[*networking.NetworkPolicy](all) {
		if n.Labels["app.kubernetes.io/component"] != program {
			continue
		}
		for _, rule := range n.Spec.Egress {
			for _, port := range rule.Ports {
				reached[port.Port.IntValue()] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(reached))
}

func TestOnlyWorkersAndTheDoctorReachProviders(t *testing.T) {
	t.Parallel()
	all := objects(t, values(t, example))
	for program, want := range map[string][]int{
		"worker": {53, 443, 465, 587, 6379, 8200}, "doctor": {53, 443, 465, 587, 6379, 8200},
		"scheduler": {53, 6379, 8200}, "console": {53, 6379},
	} {
		if got := ports(all, program); !slices.Equal(got, want) {
			t.Errorf("the %s reaches %v, want %v", program, got, want)
		}
	}
}

func TestOnlyItsOwnPortsOfAPodAreReached(t *testing.T) {
	t.Parallel()
	all := objects(t, values(t, "testdata/helm/full.values.yaml"))
	found := pods(all)
	for _, n := range of[*networking.NetworkPolicy](all) {
		var own, open []int
		for _, port := range found[n.Labels["app.kubernetes.io/component"]].spec.Containers[0].Ports {
			own = append(own, int(port.ContainerPort))
		}
		for _, rule := range n.Spec.Ingress {
			if len(rule.From) == 0 {
				t.Errorf("%s is open to all", n.Name)
			}
			for _, port := range rule.Ports {
				open = append(open, port.Port.IntValue())
			}
		}
		if !slices.Equal(own, open) {
			t.Errorf("%s opens %v, and the pod has %v", n.Name, open, own)
		}
	}
}
