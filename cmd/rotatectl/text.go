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
