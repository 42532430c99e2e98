// Package signature signs requests in the ways that several providers share. It is pure: clock and nonce come from
// the caller.
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"keyturn/internal/secret"
)

// ACS3 is Alibaba Cloud's scheme, ACS3-HMAC-SHA256.
//
// https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
type ACS3 struct {
	KeyID  string
	Secret secret.Value
}

// Sign adds the Authorization header and what it covers to header: the date, the nonce and the hash of the body. It
// signs the host, the Content-Type and every X-Acs-* header, so that these must be complete. The nonce must be new
// for every request that is sent.
func (k ACS3) Sign(method string, u *url.URL, header http.Header, body []byte, now time.Time, nonce string) {
	header.Set("X-Acs-Date", now.UTC().Format("2006-01-02T15:04:05Z"))
	header.Set("X-Acs-Signature-Nonce", nonce)
	header.Set("X-Acs-Content-Sha256", hashHex(body))

	headers, names := canonicalHeaders(u.Host, header, func(name string) bool {
		return name == "content-type" || strings.HasPrefix(name, "x-acs-")
	})
	canonical := strings.Join([]string{
		method, canonicalPath(u), canonicalQuery(u.Query()), headers, names, hashHex(body),
	}, "\n")
	sum := hmacSHA256([]byte(k.Secret.Reveal()), "ACS3-HMAC-SHA256\n"+hashHex([]byte(canonical)))
	header.Set("Authorization", "ACS3-HMAC-SHA256 Credential="+k.KeyID+
		",SignedHeaders="+names+",Signature="+hex.EncodeToString(sum))
}

// canonicalHeaders returns the lines "name:value\n" of the host and of every header that signed accepts, sorted, and
// their names joined by ';'.
func canonicalHeaders(host string, header http.Header, signed func(name string) bool) (lines, names string) {
	values := map[string]string{"host": host}
	for name := range header {
		if lower := strings.ToLower(name); signed(lower) {
			values[lower] = strings.TrimSpace(header.Get(name))
		}
	}
	sorted := make([]string, 0, len(values))
	for name := range values {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	var b strings.Builder
	for _, name := range sorted {
		b.WriteString(name + ":" + values[name] + "\n")
	}
	return b.String(), strings.Join(sorted, ";")
}

// canonicalQuery sorts by name and escapes everything but RFC 3986's unreserved characters. QueryEscape does that
// too, but for the space.
func canonicalQuery(q url.Values) string { return strings.ReplaceAll(q.Encode(), "+", "%20") }

func canonicalPath(u *url.URL) string {
	if path := u.EscapedPath(); path != "" {
		return path
	}
	return "/"
}

func hashHex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func hmacSHA256(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
