package policy

import (
	"errors"
	"strings"
	"testing"

	"keyturn/internal/fielderr"
)

// mail is the rule that Alibaba and Tencent share in spirit: what most tests start from.
var mail = Rule{
	MinLength: 10, MaxLength: 20,
	Digits: Class{2, 2}, Lower: Class{2, 2}, Upper: Class{2, 2},
}

// fields lists the fields that err names, in order.
func fields(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%v is not a joined error", err)
	}
	var names []string
	for _, e := range joined.Unwrap() {
		var fe *fielderr.Error
		if !errors.As(e, &fe) {
			t.Fatalf("%v is no fielderr.Error", e)
		}
		names = append(names, fe.Field)
	}
	return names
}

func TestCheckNamesEveryBrokenDemand(t *testing.T) {
	t.Parallel()
	with := func(change func(*Rule)) Rule {
		r := mail
		change(&r)
		return r
	}
	symbolic := with(func(r *Rule) { r.AllowedSymbols, r.Symbols = "-_", Class{1, 1} })
	for _, tt := range []struct {
		name, password string
		rule           Rule
		want           string
	}{
		{"passes", "aB3dE6gH9j", mail, ""},
		{"zero rule takes letters and digits", "a", Rule{}, ""},
		{"zero rule takes the empty password", "", Rule{}, ""},
		{"short", "aB3dE6gH9", mail, "min_length"},
		{"long", "aB3dE6gH9jaB3dE6gH9jx", mail, "max_length"},
		{"one digit", "aBcdE6gHij", mail, "digits.min digits.min_distinct"},
		{"one digit twice", "aBcd66gHij", mail, "digits.min_distinct"},
		{"lower repeated", "aBBDD66H9a", mail, "lower.min_distinct"},
		{"no upper", "ab3de6gh9j", mail, "upper.min upper.min_distinct"},
		{"symbol in an alphanumeric rule", "aB3dE6gH9-", mail, "allowed_symbols"},
		{"symbol allowed and wanted", "aB3dE6gH9-", symbolic, ""},
		{"symbol wanted", "aB3dE6gH9j", symbolic, "symbols.min symbols.min_distinct"},
		{"space", "aB3dE6gH9 ", mail, "allowed_symbols"},
		{"control character", "aB3dE6gH9\n", mail, "allowed_symbols"},
		{"symbol before what else is wanted", "-aB3dE6gH9", mail, "allowed_symbols"},
		{"not ASCII", "aB3dE6gH9é", mail, "allowed_symbols"},
		{"run", "aB3dE6gHHH", with(func(r *Rule) { r.MaxRepeat = 2 }), "max_repeat"},
		{"run just allowed", "aB3dE6gHHj", with(func(r *Rule) { r.MaxRepeat = 2 }), ""},
		{"forbidden in other case", "aB3AlerTs9", with(func(r *Rule) { r.Forbidden = []string{"x", "alertS"} }), "forbidden"},
		{"many at once", "x-", symbolic, "min_length digits.min digits.min_distinct lower.min lower.min_distinct upper.min upper.min_distinct"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(fields(t, tt.rule.Check(tt.password)), " "); got != tt.want {
				t.Errorf("Check(%q) names %q, want %q", tt.password, got, tt.want)
			}
		})
	}
}

func TestAForbiddenTextIsNamedByItsNumberAlone(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		Rule{Forbidden: []string{"first", "canary"}}.Check("acanaryb"), Rule{Forbidden: []string{"first", ""}}.Satisfiable(),
	} {
		if err == nil || !strings.Contains(err.Error(), "text no. 2") || strings.Contains(err.Error(), "canary") {
			t.Errorf("got %v", err)
		}
	}
}

func TestCheckNeverQuotesThePassword(t *testing.T) {
	t.Parallel()
	const password = "Canary-pässword-AAAAAAA"
	strict := Rule{
		MinLength: 60, MaxLength: 4, MaxRepeat: 1, AllowedSymbols: "_", Forbidden: []string{"canary", "word"},
		Digits: Class{5, 5}, Lower: Class{50, 20}, Upper: Class{50, 20}, Symbols: Class{5, 1},
	}
	err := strict.Check(password)
	if err == nil {
		t.Fatal("passes")
	}
	if n := len(fields(t, err)); n != 14 {
		t.Errorf("%d breaches reported, want 14: %v", n, err)
	}
	for i := range len(password) - 3 {
		if part := password[i : i+4]; strings.Contains(err.Error(), part) {
			t.Errorf("error shows %q", part)
		}
	}
}

//nolint:paralleltest // AllocsPerRun panics in a parallel test
func TestCheckOfAGoodPasswordAllocatesNothing(t *testing.T) {
	rule := mail
	rule.Forbidden = []string{"alerts@example.com"}
	if n := testing.AllocsPerRun(100, func() {
		if rule.Check("aB3dE6gH9jaB3dE6gH9j") != nil {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
