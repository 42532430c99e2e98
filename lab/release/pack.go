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
	"time"
)

// archive is a tar of files and folders that carry no time, owner or order but their archive's own.
type archive struct {
	*tar.Writer
	date  time.Time
	owner int
}

func (a archive) folder(name string) error {
	return a.WriteHeader(&tar.Header{
		Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, Uid: a.owner, Gid: a.owner, ModTime: a.date, Format: tar.FormatPAX,
	})
}

func (a archive) file(name string, mode int64, data []byte) error {
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(data)), Uid: a.owner, Gid: a.owner, ModTime: a.date, Format: tar.FormatPAX,
	}
	if err := a.WriteHeader(header); err != nil {
		return err
	}
	_, err := a.Write(data)
	return err
}

// copied is a file of this machine under another name.
func (a archive) copied(path, name string, mode int64) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return a.file(name, mode, data)
}

// pack writes an archive.
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
	packed := archive{Writer: tar.NewWriter(compressed), date: s.date}
	top := "keyturn_" + s.version + "/"
	for _, path := range files {
		if err := packed.copied(path, top+filepath.Base(path), 0o755); err != nil {
			return err
		}
	}
	documents, err := r.documents()
	if err != nil {
		return err
	}
	for _, name := range documents {
		if err := packed.copied(filepath.Join(r.root, name), top+filepath.ToSlash(name), 0o644); err != nil {
			return err
		}
	}
	return errors.Join(packed.Close(), compressed.Close())
}

// documents are the files that go with the programs, by their paths in the checkout, in the order of names.
func (r release) documents() ([]string, error) {
	var all []string
	for _, name := range []string{"CHANGELOG.md", "LICENSE", "README.md", "deploy", "docs", "keyturn.example.yaml"} {
		err := filepath.WalkDir(filepath.Join(r.root, name), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || strings.HasSuffix(path, ".go") {
				return err
			}
			inside, err := filepath.Rel(r.root, path)
			all = append(all, inside)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
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
