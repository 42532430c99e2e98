package signature

import (
	"cmp"
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// SigV4Skew is how far a client's clock may be off at Amazon.
const SigV4Skew = 5 * time.Minute

// Why a SigV4 signature is refused: Amazon's codes.
const (
	SigV4Incomplete   = "IncompleteSignature"
	SigV4Expired      = "RequestExpired"
	SigV4KeyNotFound  = "InvalidClientTokenId"
	SigV4DoesNotMatch = "SignatureDoesNotMatch"
)

// sigV4Expiry is how far the date of a request may be off before it is not looked at any further.
const sigV4Expiry = 15 * time.Minute

// SigV4 is an Authorization header of the scheme AWS4-HMAC-SHA256, taken apart.
type SigV4 struct {
	ID, Date, Region, Service string
	Signed                    []string // names of headers
	Signature                 string
}

// parseSigV4 reads "AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/SERVICE/aws4_request, SignedHeaders=a;b, Signature=HEX".
func parseSigV4(header string) (SigV4, bool) {
	rest, ok := strings.CutPrefix(header, "AWS4-HMAC-SHA256 ")
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	scope := strings.Split(fields["Credential"], "/")
	if !ok || len(scope) != 5 || scope[4] != "aws4_request" || fields["SignedHeaders"] == "" || fields["Signature"] == "" {
		return SigV4{}, false
	}
	return SigV4{
		ID: scope[0], Date: scope[1], Region: scope[2], Service: scope[3],
		Signed: strings.Split(fields["SignedHeaders"], ";"), Signature: fields["Signature"],
	}, true
}

// VerifySigV4 checks a request's signature as Amazon documents it. It returns the key id, or the code of the refusal.
func VerifySigV4(r *http.Request, body []byte, region, service string, now time.Time, secret func(id string) (string, bool)) (id, code string) {
	h, ok := parseSigV4(r.Header.Get("Authorization"))
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if !ok || err != nil || !h.covers(r) {
		return "", SigV4Incomplete
	}
	off := now.Sub(at).Abs()
	if off > sigV4Expiry {
		return "", SigV4Expired
	}
	key, ok := secret(h.ID)
	if !ok {
		return "", SigV4KeyNotFound
	}
	if off > SigV4Skew || h.Date != at.Format("20060102") || h.Region != region || h.Service != service ||
		!hmac.Equal([]byte(h.Sign(r, body, key)), []byte(h.Signature)) {
		return "", SigV4DoesNotMatch
	}
	return h.ID, ""
}

// covers says whether everything that must be signed is named as signed: the host, and every header of Amazon's.
func (h SigV4) covers(r *http.Request) bool {
	for name := range r.Header {
		name = strings.ToLower(name)
		if (strings.HasPrefix(name, "x-amz-") || name == "content-type") && !slices.Contains(h.Signed, name) {
			return false
		}
	}
	return slices.Contains(h.Signed, "host") && slices.IsSorted(h.Signed)
}

// Sign returns the signature of a request with this body.
func (h SigV4) Sign(r *http.Request, body []byte, key string) string {
	var headers strings.Builder
	for _, name := range h.Signed {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		headers.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	canonical := strings.Join([]string{
		r.Method, sigV4Path(r.URL.EscapedPath()), sigV4Query(r.URL.Query()), headers.String(), strings.Join(h.Signed, ";"), hexSHA256(body),
	}, "\n")
	toSign := strings.Join([]string{
		"AWS4-HMAC-SHA256", r.Header.Get("X-Amz-Date"), strings.Join([]string{h.Date, h.Region, h.Service, "aws4_request"}, "/"), hexSHA256([]byte(canonical)),
	}, "\n")
	return hex.EncodeToString(hmacSHA256(SigV4Key(key, h.Date, h.Region, h.Service), toSign))
}

// SigV4Key is the key that a signature of a day, a region and a service is made with.
func SigV4Key(secret string, scope ...string) []byte {
	key := []byte("AWS4" + secret)
	for _, part := range append(scope, "aws4_request") {
		key = hmacSHA256(key, part)
	}
	return key
}

// SigV4Text signs a text with such a key.
func SigV4Text(key []byte, text string) []byte { return hmacSHA256(key, text) }

// sigV4Path escapes each byte of a path that is neither unreserved nor a slash, also where it was escaped to be sent: only S3
// takes the path as it comes.
func sigV4Path(sent string) string {
	const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"
	var path strings.Builder
	for _, b := range []byte(cmp.Or(sent, "/")) {
		if strings.IndexByte(unreserved, b) >= 0 {
			path.WriteByte(b)
		} else {
			fmt.Fprintf(&path, "%%%02X", b)
		}
	}
	return path.String()
}

// sigV4Query is the query sorted, each part escaped as RFC 3986 says.
func sigV4Query(query url.Values) string { return acs3Query(query) }
