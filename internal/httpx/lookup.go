package httpx

import (
	"strconv"
	"strings"

	"keyturn/internal/rotation"
)

// Lookup finds the row of table for a provider's code: the exact one, else the one with the longest prefix (a code
// that ends in '*'), else the one for the HTTP status (code "HTTP 404"). The zero row, which is in doubt, means that
// the table knows neither.
func Lookup(table []rotation.ErrorRow, code string, status int) rotation.ErrorRow {
	var best, byStatus rotation.ErrorRow
	for _, row := range table {
		prefix, open := strings.CutSuffix(row.Code, "*")
		switch {
		case row.Code == code && code != "":
			return row
		case row.Code == statusCode(status):
			byStatus = row
		case open && strings.HasPrefix(code, prefix) && len(row.Code) > len(best.Code):
			best = row
		}
	}
	if best.Code != "" {
		return best
	}
	return byStatus
}

// statusCode is how a table and an error write a status if the provider gives no code.
func statusCode(status int) string { return "HTTP " + strconv.Itoa(status) }
