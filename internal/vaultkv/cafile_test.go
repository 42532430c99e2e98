package vaultkv_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"keyturn/internal/vaultkv"
)

func pemOf(cert *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
}

// strangersCA is an authority that signed nothing here.
func strangersCA(t *testing.T) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, form, form, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf(&x509.Certificate{Raw: der})
}

// replace puts another file in the place of one, as a renewal does.
func replace(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// Kubernetes, or a person, replaces the file before the certificate.
func TestTheCAFileIsReadAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(front{spoil: func(http.ResponseWriter, *http.Request) bool { return false }})
	defer server.Close()
	secure := config()
	secure.Address = server.URL
	secure.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	stranger := strangersCA(t)
	replace(t, secure.CAFile, stranger)
	v := open(t, secure)
	if _, err := v.Load(t.Context(), newCredential()); err == nil {
		t.Fatal("a certificate of an unknown authority was accepted")
	}
	replace(t, secure.CAFile, pemOf(server.Certificate()))
	if _, err := v.Load(t.Context(), newCredential()); err != nil {
		t.Errorf("with the new file: %v", err)
	}
	replace(t, secure.CAFile, "no certificate")
	if _, err := v.Load(t.Context(), newCredential()); err != nil {
		t.Errorf("a broken file put out of force what was read before: %v", err)
	}
	wantAll(t, v.Check(t.Context(), vaultkv.ReadWrite), "CA file: parse "+secure.CAFile+": holds no PEM certificate")
	replace(t, secure.CAFile, stranger)
	if _, err := v.Load(t.Context(), newCredential()); err == nil {
		t.Error("an authority that the file no longer names is trusted")
	}
}
