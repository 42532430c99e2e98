package main

import (
	"strings"
	"unicode/utf8"
)

// noteWidth is how much of a reason a table shows; `explain` and -o json have the whole of it.
const noteWidth = 96

// shorten cuts a text to so many characters, after a word, and shows that it did.
func shorten(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	cut := string([]rune(text)[:most-1])
	if word := strings.LastIndexByte(cut, ' '); word > len(cut)/2 {
		cut = cut[:word+1]
	}
	return cut + "…"
}

// plain is a reason without words that say the same twice: a quarantine of a "target" whose cause is an error of kind
// "target", a run that was "quarantined" because it is "quarantined".
func plain(reason string) string {
	word, rest, ok := strings.Cut(reason, ": ")
	if !ok || strings.Contains(word, " ") {
		return reason
	}
	if rest == word {
		return word
	}
	if again, found := strings.CutPrefix(rest, word+": "); found {
		return plain(word + ": " + again)
	}
	before, after, found := strings.Cut(rest, ": "+word+": ")
	if found && !strings.Contains(before, ": ") {
		return word + ": " + before + ": " + after
	}
	return word + ": " + plain(rest)
}
