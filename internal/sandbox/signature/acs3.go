package signature

import (
	"crypto/hmac"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// ACS3Skew is how far a client's clock may be off at Alibaba Cloud, and for how long a nonce may not come again.
const ACS3Skew = 15 * time.Minute

// Why an ACS3 signature is refused: Alibaba Cloud's codes.
const (
	ACS3Incomplete   = "IncompleteSignature"
	ACS3Expired      = "InvalidTimeStamp.Expired"
	ACS3TimeFormat   = "InvalidTimeStamp.Format"
	ACS3KeyNotFound  = "InvalidAccessKeyId.NotFound"
	ACS3KeyInactive  = "InvalidAccessKeyId.Inactive"
	ACS3DoesNotMatch = "SignatureDoesNotMatch"
	ACS3NonceUsed    = "SignatureNonceUsed"
)

// acs3Required are the headers that every request carries and signs.
var acs3Required = []string{
	"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256",
}

// ACS3 is an Authorization header of the scheme ACS3-HMAC-SHA256, taken apart.
type ACS3 struct {
	ID        string
	Signed    []string // names of headers
	Signature string
}

// parseACS3 reads "ACS3-HMAC-SHA256 Credential=ID,SignedHeaders=a;b,Signature=HEX".
func parseACS3(header string) (ACS3, bool) {
	rest, ok := strings.CutPrefix(header, "ACS3-HMAC-SHA256 ")
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	h := ACS3{
		ID: fields["Credential"], Signed: strings.Split(fields["SignedHeaders"], ";"), Signature: fields["Signature"],
	}
	return h, ok && h.ID != "" && h.Signature != "" && fields["SignedHeaders"] != ""
}

// VerifyACS3 checks a request's signature as Alibaba Cloud documents it. It returns the key id, or the code of the
// refusal. Whether the nonce is new is for the caller to find out.
func VerifyACS3(r *http.Request, body []byte, now time.Time, secret func(id string) (string, bool)) (id, code string) {
	h, ok := parseACS3(r.Header.Get("Authorization"))
	if !ok || !h.covers(r, len(body) > 0) {
		return "", ACS3Incomplete
	}
	at, err := time.Parse("2006-01-02T15:04:05Z", r.Header.Get("X-Acs-Date"))
	if err != nil {
		return "", ACS3TimeFormat
	}
	if now.Sub(at).Abs() > ACS3Skew {
		return "", ACS3Expired
	}
	key, ok := secret(h.ID)
	if !ok {
		return "", ACS3KeyNotFound
	}
	sum := r.Header.Get("X-Acs-Content-Sha256")
	if sum != hexSHA256(body) || !hmac.Equal([]byte(h.Sign(r, sum, key)), []byte(h.Signature)) {
		return "", ACS3DoesNotMatch
	}
	return h.ID, ""
}

// covers says whether everything that must be signed is there and named as signed.
func (h ACS3) covers(r *http.Request, hasBody bool) bool {
	for _, name := range acs3Required {
		if !slices.Contains(h.Signed, name) || (name != "host" && r.Header.Get(name) == "") {
			return false
		}
	}
	for name := range r.Header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-acs-") && !slices.Contains(h.Signed, name) {
			return false
		}
	}
	return slices.IsSorted(h.Signed) && (!hasBody || slices.Contains(h.Signed, "content-type"))
}

// Sign returns the signature of a request whose body has the hash bodySum.
func (h ACS3) Sign(r *http.Request, bodySum, key string) string {
	toSign := "ACS3-HMAC-SHA256\n" + hexSHA256([]byte(h.canonical(r, bodySum)))
	return hex.EncodeToString(hmacSHA256([]byte(key), toSign))
}

func (h ACS3) canonical(r *http.Request, bodySum string) string {
	var headers strings.Builder
	for _, name := range h.Signed {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	return strings.Join([]string{
		r.Method, path, acs3Query(r.URL.Query()), headers.String(), strings.Join(h.Signed, ";"), bodySum,
	}, "\n")
}

// acs3Query is the query sorted by name, each part escaped as RFC 3986 says.
func acs3Query(query url.Values) string {
	var pairs []string
	for name, values := range query {
		for _, value := range values {
			pairs = append(pairs, rfc3986(name)+"="+rfc3986(value))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// rfc3986 escapes everything but letters, digits and -_.~ (url.QueryEscape writes a space as a plus sign).
func rfc3986(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// maxNonces bounds how many nonces are remembered. Above some 100 signed requests a second they are forgotten before
// their 15 minutes are over.
const maxNonces = 100_000

// Nonces remembers the nonces of the last 15 minutes.
type Nonces struct {
	now func() time.Time

	mu    sync.Mutex
	seen  map[string]time.Time
	order []string // oldest first
}

// NewNonces knows none yet.
func NewNonces(now func() time.Time) *Nonces {
	return &Nonces{now: now, seen: map[string]time.Time{}}
}

// Used says whether a nonce was seen before, and remembers it.
func (n *Nonces) Used(nonce string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	for len(n.order) > 0 && (len(n.order) >= maxNonces || now.Sub(n.seen[n.order[0]]) > ACS3Skew) {
		delete(n.seen, n.order[0])
		n.order = n.order[1:]
	}
	if _, ok := n.seen[nonce]; ok {
		return true
	}
	n.seen[nonce] = now
	n.order = append(n.order, nonce)
	return false
}
