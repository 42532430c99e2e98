package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// beside is what an archive has besides programs, from the checkout.
var beside = []string{"CHANGELOG.md", "LICENSE", "README.md", "deploy", "docs"}

// pack writes an archive. It carries no time, owner or order but its own.
func (r release) pack(file string, s stamp, files []string) (err error) {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	compressed, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	add := func(path, name string, mode int64) error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: "keyturn_" + s.version + "/" + name, Mode: mode, Size: int64(len(data)), ModTime: s.date, Format: tar.FormatPAX,
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		_, err = archive.Write(data)
		return err
	}
	for _, path := range files {
		if err := add(path, filepath.Base(path), 0o755); err != nil {
			return err
		}
	}
	for _, name := range beside {
		err := filepath.WalkDir(filepath.Join(r.root, name), func(path string, d fs.DirEntry, err error) error { // in the order of names
			if err != nil || !d.Type().IsRegular() || strings.HasSuffix(path, ".go") {
				return err
			}
			within, err := filepath.Rel(r.root, path)
			if err != nil {
				return err
			}
			return add(path, filepath.ToSlash(within), 0o644)
		})
		if err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), compressed.Close())
}

// writeSums writes the checksums of all files in the folder, in the form that `sha256sum -c` reads.
func writeSums(dist string) error {
	entries, err := os.ReadDir(dist)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, e := range entries {
		sum, err := hash(filepath.Join(dist, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sum, e.Name())
	}
	return os.WriteFile(filepath.Join(dist, "SHA256SUMS"), []byte(sums.String()), 0o644) //nolint:gosec // for everyone to read
}

func hash(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return sum.Sum(nil), err
}
