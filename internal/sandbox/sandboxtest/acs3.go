package sandboxtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"keyturn/internal/sandbox/signature"
)

// ACS3 is a request to a stand-in behind Alibaba Cloud's gateway before it is signed.
type ACS3 struct {
	Code, Action, Version string
	Query, Form           url.Values
	Accept                string
	ID, Secret, Nonce     string        // defaults: testid, testsecret, a new nonce
	Behind                time.Duration // of the client's clock
	Edit                  func(*http.Request)
}

// ACS3 signs a request as a client would, and sends it. That the signature itself is right is the business of
// signature's own tests.
func (b *Bench) ACS3(a ACS3) Answer {
	b.tb.Helper()
	body := a.Form.Encode()
	r := b.Request(http.MethodPost, b.Ready().Providers[a.Code]+"/?"+a.Query.Encode(), body)
	h := signature.ACS3{ID: a.ID, Signed: []string{
		"content-type", "host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version",
	}}
	secret, nonce := a.Secret, a.Nonce
	if h.ID == "" {
		h.ID = "testid"
	}
	if secret == "" {
		secret = "testsecret"
	}
	if nonce == "" {
		nonce = uuid.NewString()
	}
	sum := sha256.Sum256([]byte(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Acs-Action", a.Action)
	r.Header.Set("X-Acs-Version", a.Version)
	r.Header.Set("X-Acs-Date", b.Clock.Now().Add(-a.Behind).UTC().Format(time.RFC3339))
	r.Header.Set("X-Acs-Signature-Nonce", nonce)
	r.Header.Set("X-Acs-Content-Sha256", hex.EncodeToString(sum[:]))
	if a.Accept != "" {
		r.Header.Set("Accept", a.Accept)
	}
	r.Header.Set("Authorization", fmt.Sprintf("ACS3-HMAC-SHA256 Credential=%s,SignedHeaders=%s,Signature=%s",
		h.ID, strings.Join(h.Signed, ";"), h.Sign(r, hex.EncodeToString(sum[:]), secret)))
	if a.Edit != nil {
		a.Edit(r)
	}
	return b.Do(r)
}

// ACS3Code is the code in a JSON reply of the gateway or of a product behind it.
func ACS3Code(t testing.TB, a Answer) string {
	t.Helper()
	var out struct{ Code, RequestId string } //nolint:revive // Alibaba's spelling
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil || out.RequestId == "" {
		t.Fatalf("no reply of the gateway: %d %q %v", a.Status, a.Body, a.Err)
	}
	return out.Code
}
