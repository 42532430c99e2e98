package signature

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"keyturn/internal/secret"
)

// TC3 is Tencent Cloud's scheme, TC3-HMAC-SHA256.
//
// https://www.tencentcloud.com/document/product/1084/39391
type TC3 struct {
	KeyID   string
	Secret  secret.Value
	Service string // the first label of the API's host: "ses"
}

// Sign adds X-TC-Timestamp and the Authorization header to header. It signs the host, the Content-Type, which must be
// there, and X-TC-Action where it is there. Tencent refuses a timestamp that is more than five minutes off.
func (k TC3) Sign(method string, u *url.URL, header http.Header, body []byte, now time.Time) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	header.Set("X-TC-Timestamp", timestamp)

	headers, names := canonicalHeaders(strings.ToLower(u.Host), lowerValues(header), func(name string) bool {
		return name == "content-type" || name == "x-tc-action"
	})
	canonical := strings.Join([]string{
		method, canonicalPath(u), canonicalQuery(u.Query()), headers, names, hashHex(body),
	}, "\n")

	date := now.UTC().Format("2006-01-02")
	scope := date + "/" + k.Service + "/tc3_request"
	toSign := "TC3-HMAC-SHA256\n" + timestamp + "\n" + scope + "\n" + hashHex([]byte(canonical))
	key := hmacSHA256([]byte("TC3"+k.Secret.Reveal()), date)
	key = hmacSHA256(key, k.Service)
	key = hmacSHA256(key, "tc3_request")
	header.Set("Authorization", "TC3-HMAC-SHA256 Credential="+k.KeyID+"/"+scope+
		", SignedHeaders="+names+", Signature="+hex.EncodeToString(hmacSHA256(key, toSign)))
}

// lowerValues returns the signed part of header. Unlike ACS3 this scheme signs values in lower case.
func lowerValues(header http.Header) http.Header {
	signed := http.Header{}
	for _, name := range []string{"Content-Type", "X-TC-Action"} {
		if value := header.Get(name); value != "" {
			signed.Set(name, strings.ToLower(value))
		}
	}
	return signed
}
