package providers_test

import (
	"slices"
	"strings"
	"testing"

	"keyturn/internal/httpx"
	"keyturn/internal/providers"
	"keyturn/internal/rotation"
)

func TestCodesAreUniqueAndSorted(t *testing.T) {
	t.Parallel()
	var codes []string
	for _, p := range providers.All() {
		codes = append(codes, p.Code)
	}
	if !slices.IsSorted(codes) || len(slices.Compact(slices.Clone(codes))) != len(codes) {
		t.Errorf("codes are %q", codes)
	}
}

func TestEveryDefinitionIsComplete(t *testing.T) {
	t.Parallel()
	for _, p := range providers.All() {
		t.Run(p.Code, func(t *testing.T) {
			t.Parallel()
			if p.Name == "" || p.Call == "" || !strings.HasPrefix(p.Doc, "https://") || len(p.Keys) == 0 {
				t.Errorf("name, call, documentation or keys are missing: %q, %q, %q, %q", p.Name, p.Call, p.Doc, p.Keys)
			}
			if p.Rate.Requests <= 0 || p.Rate.Per <= 0 {
				t.Errorf("the rate is %v", p.Rate)
			}
			if p.CheckTarget == nil || p.New == nil || p.Endpoint == nil {
				t.Fatal("a function is missing")
			}
			if _, err := p.CheckTarget(""); err == nil {
				t.Error("an empty target is accepted")
			}
			for _, region := range append([]string{""}, p.Regions...) {
				if p.Description != "" && len(p.Regions) == 0 && p.Endpoint("") == "" {
					continue // each account has its own
				}
				endpoint, err := httpx.ParseEndpoint(p.Endpoint(region))
				if err != nil || endpoint.Scheme != "https" {
					t.Errorf("endpoint of region %q is %v, %v", region, endpoint, err)
				}
			}
			if isSetter := p.Mode == rotation.ModeSetter; isSetter != (p.Rule.MinLength > 0) {
				t.Error("a setter has a rule, nothing else has")
			}
			if has := client(t, p).Lister != nil; has != p.Lists {
				t.Errorf("the description says that it lists credentials: %v, and the client does: %v", p.Lists, has)
			}
			if err := p.Rule.Satisfiable(); p.Mode == rotation.ModeSetter && err != nil {
				t.Errorf("no password satisfies the rule: %v", err)
			}
		})
	}
}

func TestErrorTablesAreCompleteAndSpeakOurWords(t *testing.T) {
	t.Parallel()
	for _, p := range providers.All() {
		seen := map[string]bool{}
		kinds := map[rotation.Kind]bool{}
		for _, row := range p.Errors {
			if seen[row.Code] {
				t.Errorf("%s: two rows for %s", p.Code, row.Code)
			}
			seen[row.Code], kinds[row.Kind] = true, true
			if row.Hint == "" || strings.HasSuffix(row.Hint, ".") || row.Hint != strings.ToLower(row.Hint[:1])+row.Hint[1:] {
				t.Errorf("%s: the hint of %s is %q", p.Code, row.Code, row.Hint)
			}
			if row.Kind == rotation.NotSent {
				t.Errorf("%s: an answer cannot prove that nothing was sent (%s)", p.Code, row.Code)
			}
		}
		for _, kind := range []rotation.Kind{rotation.Unauthorized, rotation.Target, rotation.RateLimited} {
			if !kinds[kind] {
				t.Errorf("%s: no row of kind %q", p.Code, kind)
			}
		}
	}
}
