package smtpauth

import "testing"

// What only looks like an enhanced code must not make a refusal of a policy, nor the other way round.
func TestAnEnhancedCodeIsThreeNumbersThatALineBeginsWith(t *testing.T) {
	t.Parallel()
	none := status{}
	for _, tt := range []struct {
		name  string
		lines []string
		want  status
	}{
		{"the first word", []string{"5.7.139 no"}, status{5, 7, 139}},
		{"alone", []string{"2.0.0"}, status{2, 0, 0}},
		{"on a later line", []string{"no", "", "4.7.0 later"}, status{4, 7, 0}},
		{"the first one of several", []string{"5.7.0 policy", "5.7.8 wrong"}, status{5, 7, 0}},
		{"no first word", []string{"error 5.7.8"}, none},
		{"two numbers", []string{"5.7 no"}, none},
		{"four numbers", []string{"5.7.8.9 no"}, none},
		{"a class of two digits", []string{"24.7.8 no"}, none},
		{"no class", []string{".7.8 no"}, none},
		{"a class that is none", []string{"3.7.8 no"}, none},
		{"no number in the middle", []string{"5.x.8 no"}, none},
		{"no number at the end", []string{"5.7.x no"}, none},
		{"a number too long", []string{"5.7.2000 no"}, none},
	} {
		if got := statusOf(reply{code: 535, lines: tt.lines}); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
