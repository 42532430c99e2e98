// Package certs reads files of certificates.
package certs

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
)

// ErrNone is of a file that can be read and holds no certificate.
var ErrNone = errors.New("holds no PEM certificate")

// Pool returns the certificates in a PEM file. Its errors are *fs.PathError values.
func Pool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &fs.PathError{Op: "parse", Path: file, Err: ErrNone}
	}
	return pool, nil
}
