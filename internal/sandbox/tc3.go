package sandbox

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

// Why a TC3 signature is refused: Tencent's codes.
const (
	tcInvalidAuthorization = "AuthFailure.InvalidAuthorization"
	tcSignatureExpire      = "AuthFailure.SignatureExpire"
	tcSecretIDNotFound     = "AuthFailure.SecretIdNotFound"
	tcSignatureFailure     = "AuthFailure.SignatureFailure"
)

// tc3Header is an Authorization header of the scheme TC3-HMAC-SHA256, taken apart.
type tc3Header struct {
	id, date, service string
	signed            []string
	signature         string
}

// parseTC3 reads "TC3-HMAC-SHA256 Credential=ID/DATE/SERVICE/tc3_request, SignedHeaders=a;b, Signature=HEX".
func parseTC3(header string) (tc3Header, bool) {
	var h tc3Header
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
	h = tc3Header{id: scope[0], date: scope[1], service: scope[2], signature: fields["Signature"]}
	h.signed = strings.Split(fields["SignedHeaders"], ";")
	return h, slices.Contains(h.signed, "content-type") && slices.Contains(h.signed, "host")
}

// verifyTC3 checks a request's signature as Tencent documents it. It returns the key id, or the code of the refusal.
func verifyTC3(r *http.Request, body []byte, service string, now time.Time, secret func(id string) (string, bool)) (id, code string) {
	h, ok := parseTC3(r.Header.Get("Authorization"))
	if !ok || h.service != service {
		return "", tcInvalidAuthorization
	}
	stamp := r.Header.Get("X-TC-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return "", tcInvalidAuthorization
	}
	at := time.Unix(seconds, 0)
	if off := now.Sub(at).Abs(); off > tc3Skew {
		return "", tcSignatureExpire
	}
	key, ok := secret(h.id)
	if !ok {
		return "", tcSecretIDNotFound
	}
	if h.date != at.UTC().Format(time.DateOnly) {
		return "", tcSignatureFailure
	}
	if !hmac.Equal([]byte(tc3Signature(r, body, h, stamp, key)), []byte(h.signature)) {
		return "", tcSignatureFailure
	}
	return h.id, ""
}

func tc3Signature(r *http.Request, body []byte, h tc3Header, stamp, key string) string {
	var headers strings.Builder
	for _, name := range h.signed {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		headers.WriteString(name + ":" + strings.ToLower(strings.TrimSpace(value)) + "\n")
	}
	canonical := strings.Join([]string{
		r.Method, "/", r.URL.RawQuery, headers.String(), strings.Join(h.signed, ";"), hexSHA256(body),
	}, "\n")
	toSign := strings.Join([]string{
		"TC3-HMAC-SHA256", stamp, h.date + "/" + h.service + "/tc3_request", hexSHA256([]byte(canonical)),
	}, "\n")
	derived := hmacSHA256(hmacSHA256(hmacSHA256([]byte("TC3"+key), h.date), h.service), "tc3_request")
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
