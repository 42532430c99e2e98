package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Redis's certificate is made once, and nothing renews it. RFC 5280 has this date for what does not expire.
var (
	validFrom  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	validUntil = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

const (
	// redisHost is the name that clients know Redis by.
	redisHost = "redis"
	// redisHash is where the template of the ACL file has the hash of the password.
	redisHash = "SHA256-OF-THE-PASSWORD"
	// redisProbe is the user of Redis's health check, which can say PING and nothing else, and so needs no password.
	redisProbe = "user probe on nopass -@all +ping\n"
)

// redisFiles are the folders of what Redis and its clients read, and the template of its ACL file.
type redisFiles struct {
	server, client, template string
}

func (r redisFiles) key() string         { return filepath.Join(r.server, "key.pem") }
func (r redisFiles) certificate() string { return filepath.Join(r.server, "cert.pem") }
func (r redisFiles) acl() string         { return filepath.Join(r.server, "users.acl") } // written last
func (r redisFiles) authority() string   { return filepath.Join(r.client, "ca.pem") }
func (r redisFiles) password() string    { return filepath.Join(r.client, "password") }

// makeRedis gives Redis a certificate and its users, and its clients a password and what to trust. Key and password
// stay what they are; all else follows from them, and from the template.
func (s *setup) makeRedis(context.Context) error {
	certificate, err := s.redis.makeCertificate()
	if err != nil {
		return err
	}
	// The certificate signs itself, and is what certifies it: no authority's key has to be kept.
	if err := writeFile(s.redis.authority(), certificate, private); err != nil {
		return err
	}
	password, err := made(s.redis.password())
	if err != nil {
		return err
	}
	template, err := os.ReadFile(s.redis.template)
	if err != nil {
		return err
	}
	hash := fmt.Sprintf("%x", sha256.Sum256(password))
	acl := strings.ReplaceAll(string(template), redisHash, hash)
	if !strings.Contains(acl, hash) {
		return fmt.Errorf("%s: has no %s to put the hash of the password in its place", s.redis.template, redisHash)
	}
	return writeFile(s.redis.acl(), []byte(acl+redisProbe), shared)
}

// makeCertificate reads Redis's certificate, or makes it.
func (r redisFiles) makeCertificate() ([]byte, error) {
	text, err := os.ReadFile(r.certificate())
	if !errors.Is(err, os.ErrNotExist) {
		return text, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	form := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: redisHost}, DNSNames: []string{redisHost},
		NotBefore: validFrom, NotAfter: validUntil,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, &form, &form, key.Public(), key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	text = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	if err := writeFile(r.key(), text, shared); err != nil {
		return nil, err
	}
	text = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	return text, writeFile(r.certificate(), text, shared)
}
