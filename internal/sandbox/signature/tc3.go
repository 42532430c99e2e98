// Package signature checks how requests are signed, as the providers document it. It shares no code with the clients.
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tc3Skew is how far a client's clock may be off at Tencent.
const tc3Skew = 5 * time.Minute

// Why a TC3 signature is refused: Tencent's codes. A key that is disabled has that of one which does not exist, as the page of the
// codes that all products share says: https://www.tencentcloud.com/document/product/1078/38658
const (
	TC3InvalidAuthorization = "AuthFailure.InvalidAuthorization"
	TC3SignatureExpire      = "AuthFailure.SignatureExpire"
	TC3SecretIDNotFound     = "AuthFailure.SecretIdNotFound"
	TC3SignatureFailure     = "AuthFailure.SignatureFailure"
)

// TC3 is an Authorization header of the scheme TC3-HMAC-SHA256, taken apart.
type TC3 struct {
	ID, Date, Service string
	Signed            []string // names of headers
	Signature         string
}

// parseTC3 reads "TC3-HMAC-SHA256 Credential=ID/DATE/SERVICE/tc3_request, SignedHeaders=a;b, Signature=HEX".
func parseTC3(header string) (TC3, bool) {
	var h TC3
	rest, ok := strings.CutPrefix(header, "TC3-HMAC-SHA256 ")
	if !ok {
		return h, false
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	scope := strings.Split(fields["Credential"], "/")
	if len(scope) != 4 || scope[3] != "tc3_request" || fields["SignedHeaders"] == "" || fields["Signature"] == "" {
		return h, false
	}
	h = TC3{ID: scope[0], Date: scope[1], Service: scope[2], Signature: fields["Signature"]}
	h.Signed = strings.Split(fields["SignedHeaders"], ";")
	return h, slices.Contains(h.Signed, "content-type") && slices.Contains(h.Signed, "host")
}

// VerifyTC3 checks a request's signature as Tencent documents it. It returns the key id, or the code of the refusal.
func VerifyTC3(r *http.Request, body []byte, service string, now time.Time, secret func(id string) (string, bool)) (id, code string) {
	h, ok := parseTC3(r.Header.Get("Authorization"))
	if !ok || h.Service != service {
		return "", TC3InvalidAuthorization
	}
	stamp := r.Header.Get("X-TC-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return "", TC3InvalidAuthorization
	}
	at := time.Unix(seconds, 0)
	if off := now.Sub(at).Abs(); off > tc3Skew {
		return "", TC3SignatureExpire
	}
	key, ok := secret(h.ID)
	if !ok {
		return "", TC3SecretIDNotFound
	}
	if h.Date != at.UTC().Format(time.DateOnly) {
		return "", TC3SignatureFailure
	}
	if !hmac.Equal([]byte(h.Sign(r, body, stamp, key)), []byte(h.Signature)) {
		return "", TC3SignatureFailure
	}
	return h.ID, ""
}

// Sign returns the signature of a request with this body and X-TC-Timestamp.
func (h TC3) Sign(r *http.Request, body []byte, stamp, key string) string {
	var headers strings.Builder
	for _, name := range h.Signed {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		headers.WriteString(name + ":" + strings.ToLower(strings.TrimSpace(value)) + "\n")
	}
	canonical := strings.Join([]string{
		r.Method, "/", r.URL.RawQuery, headers.String(), strings.Join(h.Signed, ";"), hexSHA256(body),
	}, "\n")
	toSign := strings.Join([]string{
		"TC3-HMAC-SHA256", stamp, h.Date + "/" + h.Service + "/tc3_request", hexSHA256([]byte(canonical)),
	}, "\n")
	derived := hmacSHA256(hmacSHA256(hmacSHA256([]byte("TC3"+key), h.Date), h.Service), "tc3_request")
	return hex.EncodeToString(hmacSHA256(derived, toSign))
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func hmacSHA256(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}
