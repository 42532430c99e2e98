package certs

import (
	"encoding/pem"
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func TestAFileHoldsCertificatesOrTheErrorNamesIt(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	good := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	dir := t.TempDir()
	for name, test := range map[string]struct {
		text []byte
		want error
	}{
		"good.pem": {good, nil}, "after-text.pem": {append([]byte("a comment\n"), good...), nil},
		"empty.pem": {[]byte{}, ErrNone}, "text.pem": {[]byte("no certificate"), ErrNone},
		"other.pem":   {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), ErrNone},
		"missing.pem": {nil, fs.ErrNotExist},
	} {
		file := filepath.Join(dir, name)
		if test.text != nil {
			if err := os.WriteFile(file, test.text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		pool, err := Pool(file)
		var named *fs.PathError
		if !errors.Is(err, test.want) || (err != nil) != (test.want != nil) || err != nil && (!errors.As(err, &named) || named.Path != file) || (pool != nil) != (err == nil) {
			t.Errorf("%s: got %v and %v, want %v", name, pool, err, test.want)
		}
	}
}
