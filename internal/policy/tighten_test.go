package policy

import (
	"reflect"
	"strings"
	"testing"
)

func TestTightenMergesTheStricterOfBoth(t *testing.T) {
	t.Parallel()
	provider := Rule{
		MinLength: 6, MaxLength: 60, AllowedSymbols: "_-!", Forbidden: []string{"admin"},
		Digits: Class{1, 1}, Lower: Class{2, 2},
	}
	user := Rule{
		MinLength: 16, MaxLength: 40, AllowedSymbols: "-_-", Forbidden: []string{"Mail", "ADMIN"}, MaxRepeat: 2,
		Digits: Class{4, 2}, Symbols: Class{1, 1},
	}
	want := Rule{
		MinLength: 16, MaxLength: 40, AllowedSymbols: "-_", Forbidden: []string{"admin", "mail"}, MaxRepeat: 2,
		Digits: Class{4, 2}, Lower: Class{2, 2}, Symbols: Class{1, 1},
	}
	got, err := Tighten(provider, user)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if !reflect.DeepEqual(provider.Forbidden, []string{"admin"}) || user.Forbidden[0] != "Mail" {
		t.Error("the arguments were changed")
	}
}

func TestTightenByNothingKeepsTheProvidersRule(t *testing.T) {
	t.Parallel()
	got, err := Tighten(mail, Rule{})
	if err != nil {
		t.Fatal(err)
	}
	got.Forbidden = nil
	if !reflect.DeepEqual(got, mail) {
		t.Errorf("got %+v", got)
	}
}

func TestTightenByTheSameRuleLoosensNothing(t *testing.T) {
	t.Parallel()
	if _, err := Tighten(mail, mail); err != nil {
		t.Error(err)
	}
}

func TestTightenRefusesToLoosenAndNamesEveryField(t *testing.T) {
	t.Parallel()
	provider := mail
	provider.AllowedSymbols, provider.MaxRepeat = "-", 2
	_, err := Tighten(provider, Rule{
		MinLength: 8, MaxLength: 64, AllowedSymbols: "-é#", MaxRepeat: 3,
		Digits: Class{1, 1}, Lower: Class{Min: -1}, Upper: Class{MinDistinct: 1},
	})
	got := strings.Join(fields(t, err), " ")
	const want = "min_length max_length max_repeat digits.min digits.min_distinct lower.min upper.min_distinct allowed_symbols allowed_symbols"
	if got != want {
		t.Errorf("names %q\nwant  %q", got, want)
	}
}

func TestTightenRefusesAnImpossibleResult(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		user Rule
		want string
	}{
		{"longer than the provider takes", Rule{MinLength: 21}, "max_length"},
		{"minimums exceed the length", Rule{Digits: Class{Min: 17}}, "max_length"},
		{"symbols where none are allowed", Rule{Symbols: Class{Min: 1}}, "symbols.min"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Tighten(mail, tt.user)
			if got := strings.Join(fields(t, err), " "); got != tt.want {
				t.Errorf("names %q, want %q: %v", got, tt.want, err)
			}
		})
	}
}

func TestSatisfiableNamesEachContradiction(t *testing.T) {
	t.Parallel()
	everyDigit := strings.Split(allDigits, "")
	everything := append(strings.Split(allLower, ""), everyDigit...)
	for _, tt := range []struct {
		name string
		rule Rule
		want string
	}{
		{"zero", Rule{}, ""},
		{"provider's", mail, ""},
		{"exact fit", Rule{MaxLength: 4, Digits: Class{Min: 2}, Lower: Class{MinDistinct: 2}}, ""},
		{"negative", Rule{MinLength: -1, MaxLength: -1, MaxRepeat: -1, Upper: Class{-1, -1}}, "min_length max_length max_repeat upper.min upper.min_distinct"},
		{"bounds cross", Rule{MinLength: 9, MaxLength: 8}, "max_length"},
		{"over our limit", Rule{MinLength: LengthLimit + 1}, "min_length"},
		{"sum too large", Rule{MaxLength: 5, Digits: Class{Min: 3}, Lower: Class{MinDistinct: 3}}, "max_length"},
		{"sum overflows", Rule{Digits: Class{Min: 1 << 62}, Lower: Class{Min: 1 << 62}, Upper: Class{Min: 1 << 62}}, "max_length"},
		{"more than fits, of one class", Rule{Digits: Class{Min: LengthLimit + 1}}, "max_length"},
		{"too many distinct", Rule{Digits: Class{MinDistinct: 11}}, "digits.min_distinct"},
		{"distinct of few symbols", Rule{AllowedSymbols: "--_", Symbols: Class{MinDistinct: 3}}, "symbols.min_distinct"},
		{"none allowed", Rule{Symbols: Class{Min: 1}}, "symbols.min"},
		{"digits all forbidden", Rule{Digits: Class{MinDistinct: 1}, Forbidden: everyDigit}, "digits.min_distinct"},
		{"every character forbidden", Rule{Forbidden: everything}, "forbidden"},
		{"one digit cannot stand apart", Rule{MaxLength: 5, MaxRepeat: 1, Digits: Class{Min: 4}, Forbidden: everyDigit[1:]}, "digits.min"},
		{"one digit can stand apart", Rule{MaxLength: 5, MaxRepeat: 1, Digits: Class{Min: 3}, Forbidden: everyDigit[1:]}, ""},
		{"at our limit", Rule{MinLength: LengthLimit}, ""},
		{"none allowed of as many as must differ", Rule{Symbols: Class{1, 1}}, "symbols.min"},
		{"one character may be repeated as often", Rule{MinLength: 2, MaxRepeat: 2, Forbidden: everything[:35]}, ""},
		{"one character may be repeated without end", Rule{MinLength: 3, Forbidden: everything[:35]}, ""},
		{"only one character left", Rule{MinLength: 3, MaxRepeat: 2, Forbidden: everything[:35]}, "max_repeat"},
		{"empty text", Rule{Forbidden: []string{"a", ""}}, "forbidden"},
		{"no symbols", Rule{AllowedSymbols: "-a é\x7f"}, "allowed_symbols allowed_symbols allowed_symbols allowed_symbols"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.rule.Satisfiable()
			if got := strings.Join(fields(t, err), " "); got != tt.want {
				t.Errorf("names %q, want %q: %v", got, tt.want, err)
			}
		})
	}
}
