package operate

import "strings"

// Plain is a reason without words that say the same twice: a quarantine of a "target" whose cause is an error of kind
// "target", a run that was "quarantined" because it is "quarantined".
func Plain(reason string) string {
	word, rest, ok := strings.Cut(reason, ": ")
	if !ok || strings.Contains(word, " ") {
		return reason
	}
	if rest == word {
		return word
	}
	if again, found := strings.CutPrefix(rest, word+": "); found {
		return Plain(word + ": " + again)
	}
	before, after, found := strings.Cut(rest, ": "+word+": ")
	if found && !strings.Contains(before, ": ") {
		return word + ": " + before + ": " + after
	}
	return word + ": " + Plain(rest)
}
