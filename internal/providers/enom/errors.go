package enom

import (
	"net/http"
	"strings"

	"keyturn/internal/httpx"
	"keyturn/internal/rotation"
)

// errorTable is in order: the first row that matches counts. A code is a pattern of a six-digit response number, in
// which x stands for any digit, and of words that must all occur in the error's text. The first digit of a number
// names the system, the next two the error, the last three the parameter.
//
// https://api.enom.com/docs/api-error-codes
func errorTable() []rotation.ErrorRow {
	const (
		keys   = "the user id or the token was refused: check both, and that they belong to this environment"
		unsure = "eNom may or may not have done it; the same password is sent again"
	)
	return []rotation.ErrorRow{
		{Code: "304155", Kind: rotation.Unauthorized, Hint: keys},
		{Code: "713254", Kind: rotation.Unauthorized, Hint: "our address is not on the account's allow-list: add it at eNom"},

		{Code: "x18xxx", Kind: rotation.Unavailable, Hint: "eNom is under maintenance and did nothing"},
		{Code: "x02xxx", Kind: rotation.InDoubt, Hint: "eNom calls it a duplicate: an earlier call may have arrived"},
		{Code: "x07xxx", Kind: rotation.InDoubt, Hint: unsure},
		{Code: "x08xxx", Kind: rotation.InDoubt, Hint: unsure},
		{Code: "x10xxx", Kind: rotation.InDoubt, Hint: unsure},
		{Code: "x21xxx", Kind: rotation.InDoubt, Hint: unsure},
		{Code: "6xxxxx", Kind: rotation.InDoubt, Hint: unsure},
		{Code: "0xxxxx", Kind: rotation.InDoubt, Hint: unsure},

		{Code: "3xx156 domain password", Kind: rotation.Rejected, Hint: "eNom does not take this domain password: compare the policy with its rule"},
		{Code: "3xx156", Kind: rotation.Unauthorized, Hint: keys},
		{Code: "x13xxx", Kind: rotation.Unauthorized, Hint: "the account may not do this: ask eNom for the right"},
		{Code: "4xxxxx", Kind: rotation.Unauthorized, Hint: keys},
		{Code: "316153", Kind: rotation.Target, Hint: "eNom does not know the domain: check the target"},
		{Code: "xxx380", Kind: rotation.Target, Hint: "the domain is not under this account: check the target"},
		{Code: "2xxxxx", Kind: rotation.InDoubt, Hint: "the registry refused; it may have been done: look at the domain if this persists"},
		{Code: "3xxxxx", Kind: rotation.Target, Hint: "eNom refuses the request as invalid: check the target"},
		{Code: "5xxxxx", Kind: rotation.Target, Hint: "eNom refuses because of a payment problem: look at the account"},
		{Code: "7xxxxx", Kind: rotation.Target, Hint: "eNom refuses because of its policy: look at the domain and the account"},

		{Code: "HTTP 429", Kind: rotation.RateLimited, Status: http.StatusTooManyRequests, Hint: "too many requests: lower the account's rate if this persists"},
	}
}

// classify finds the row of an answer and the number that decided. Of several errors one in doubt makes the whole in
// doubt; else the first one counts.
func classify(table []rotation.ErrorRow, numbers []string, text string, status int) (rotation.ErrorRow, string) {
	var first rotation.ErrorRow
	for i, number := range numbers {
		row := find(table, number, text)
		if row.Kind == rotation.InDoubt {
			return row, number
		}
		if i == 0 {
			first = row
		}
	}
	if len(numbers) == 0 {
		return httpx.Lookup(table, "", status), ""
	}
	return first, numbers[0]
}

func find(table []rotation.ErrorRow, number, text string) rotation.ErrorRow {
	for _, row := range table {
		if matches(row.Code, number, text) {
			return row
		}
	}
	return rotation.ErrorRow{}
}

func matches(pattern, number, text string) bool {
	digits, words, _ := strings.Cut(pattern, " ")
	if len(digits) != len(number) {
		return false
	}
	for i := range digits {
		if digits[i] != 'x' && digits[i] != number[i] {
			return false
		}
	}
	text = strings.ToLower(text)
	for word := range strings.FieldsSeq(words) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
