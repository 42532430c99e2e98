package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"keyturn/internal/secret"
)

const (
	prefix           = "whsec_"
	minKey, maxKey   = 24, 64 // bytes, as Standard Webhooks bounds them
	signatureVersion = "v1,"
)

// ErrSecret is a secret that is none.
var ErrSecret = errors.New("must be whsec_ and then 24 to 64 bytes in base64: make one with `echo whsec_$(openssl rand -base64 32)`")

// Key is what a secret signs with. The error never repeats the secret.
func Key(s secret.Value) ([]byte, error) {
	text, ok := strings.CutPrefix(s.Reveal(), prefix)
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil { // padding is often left out
		key, err = base64.RawStdEncoding.DecodeString(text)
	}
	if !ok || err != nil || len(key) < minKey || len(key) > maxKey {
		return nil, ErrSecret
	}
	return key, nil
}

// sign is the value of the header webhook-signature.
func sign(key []byte, id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	mac.Write(body)
	return signatureVersion + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
