package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"keyturn/internal/config"
)

// issue writes a certificate of its own with a serial number.
func issue(t *testing.T, dir string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "EC PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCertificatesForRedisAreReadAgainForEachConnection(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	issue(t, dir, 1)
	c := &config.TLS{CAFile: filepath.Join(dir, "cert.pem"), CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	settings, err := redisSettings(t.Context(), config.Redis{Address: "127.0.0.1:1", TLS: c})
	if err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		t.Helper()
		now := settings.Renew()
		leaf, err := x509.ParseCertificate(now.Certificates[0].Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		own := x509.NewCertPool()
		own.AddCert(leaf)
		if !now.RootCAs.Equal(own) {
			t.Error("the authorities are not those of the file")
		}
		return leaf.SerialNumber.Int64()
	}
	if n := serial(); n != 1 {
		t.Errorf("certificate %d", n)
	}
	issue(t, dir, 2)
	if n := serial(); n != 2 {
		t.Errorf("certificate %d after it was replaced", n)
	}
	// Half of it is written.
	if err := os.WriteFile(c.KeyFile, []byte("-----BEGIN"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := serial(); n != 2 {
		t.Errorf("certificate %d while the files do not fit", n)
	}
	if checkTLS(c) == nil {
		t.Error("/readyz does not tell")
	}
}
