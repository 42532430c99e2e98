package signature

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"

	"keyturn/internal/secret"
)

// SigV4 is Amazon's scheme, AWS4-HMAC-SHA256, for all services but S3, whose paths are escaped otherwise.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
type SigV4 struct {
	KeyID   string
	Secret  secret.Value
	Region  string // of the endpoint: "us-east-1" for IAM, wherever the account is
	Service string
}

// Sign adds X-Amz-Date and the Authorization header to header. It signs the host, the Content-Type where it is there, and
// every X-Amz-* header. Amazon refuses a date that is more than five minutes off.
func (k SigV4) Sign(method string, u *url.URL, header http.Header, body []byte, now time.Time) {
	at := now.UTC().Format("20060102T150405Z")
	header.Set("X-Amz-Date", at)

	headers, names := canonicalHeaders(u.Host, header, func(name string) bool {
		return name == "content-type" || strings.HasPrefix(name, "x-amz-")
	})
	canonical := strings.Join([]string{
		method, twiceEscaped(u), canonicalQuery(u.Query()), headers, names, hashHex(body),
	}, "\n")

	date := at[:8]
	scope := date + "/" + k.Region + "/" + k.Service + "/aws4_request"
	toSign := "AWS4-HMAC-SHA256\n" + at + "\n" + scope + "\n" + hashHex([]byte(canonical))
	header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+k.KeyID+"/"+scope+
		", SignedHeaders="+names+", Signature="+hex.EncodeToString(hmacSHA256(k.key(date), toSign)))
}

// twiceEscaped is the path as it is sent, in which everything but RFC 3986's unreserved characters is escaped once more.
func twiceEscaped(u *url.URL) string {
	segments := strings.Split(canonicalPath(u), "/")
	for i, sent := range segments {
		segments[i] = strings.ReplaceAll(url.QueryEscape(sent), "+", "%20")
	}
	return strings.Join(segments, "/")
}

// key is the one that a day's requests to a service are signed with.
func (k SigV4) key(date string) []byte {
	key := hmacSHA256([]byte("AWS4"+k.Secret.Reveal()), date)
	key = hmacSHA256(key, k.Region)
	key = hmacSHA256(key, k.Service)
	return hmacSHA256(key, "aws4_request")
}
