package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// What the image has besides programs, as the Dockerfile makes it: a named volume starts with the owner of the folder that
// it covers.
var imageFolders = []string{
	"bin", "etc", "etc/ssl", "etc/ssl/certs", "run", "run/keyturn", "run/keyturn/console", "run/keyturn/login", "run/keyturn/redis",
	"run/keyturn/redis-server", "run/keyturn/sandbox",
	"var", "var/lib", "var/lib/keyturn",
}

const (
	imageUser = 65532
	imageCAs  = "etc/ssl/certs/ca-certificates.crt"
)

// multiImage is one image for several architectures.
type multiImage struct {
	of []archImage
}

type archImage struct {
	arch  string
	image v1.Image
}

// add makes the image of one architecture: one layer, which it keeps in a file.
func (m *multiImage) add(s stamp, arch string, programs []string, file string) error {
	if err := writeLayer(file, s, programs); err != nil {
		return err
	}
	layer, err := tarball.LayerFromFile(file, tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(gzip.BestCompression),
		tarball.WithCompressedCaching)
	if err != nil {
		return err
	}
	created := v1.Time{Time: s.date}
	image, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON),
		mutate.Addendum{Layer: layer, History: v1.History{Created: created, CreatedBy: "make release"}})
	if err != nil {
		return err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", arch, created
	config.Config = v1.Config{
		User: "65532:65532", Env: []string{"PATH=/bin"}, Cmd: []string{"rotatectl", "--help"}, Labels: map[string]string{
			"org.opencontainers.image.title":       "keyturn",
			"org.opencontainers.image.description": "rotates credentials that live at third-party providers",
			"org.opencontainers.image.licenses":    "Apache-2.0",
			"org.opencontainers.image.version":     s.version,
			"org.opencontainers.image.revision":    s.revision,
			"org.opencontainers.image.created":     s.date.Format(time.RFC3339),
		},
	}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return err
	}
	m.of = append(m.of, archImage{arch: arch, image: image})
	return nil
}

func writeLayer(file string, s stamp, programs []string) (err error) {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	layer := archive{Writer: tar.NewWriter(out), date: s.date, owner: imageUser}
	for _, name := range imageFolders {
		if err := layer.folder(name); err != nil {
			return err
		}
	}
	for _, program := range programs {
		if err := layer.copied(program, "bin/"+filepath.Base(program), 0o755); err != nil {
			return err
		}
	}
	bundle, err := rootsOfTrust()
	if err != nil {
		return err
	}
	return errors.Join(layer.file(imageCAs, 0o644, bundle), layer.Close())
}

// write writes the image to one file, which is two things: an OCI layout with an index of all architectures, for tools that
// push to registries and for engines with containerd's store; and beside it the manifest.json by which every other engine
// loads an image for each architecture, with tags of their own.
func (m *multiImage) write(file string, s stamp, work string) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	var loadable []tarball.Descriptor
	for _, of := range m.of {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: of.image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: of.arch}},
		})
		d, err := descriptor(of.image, s.version+"-"+of.arch)
		if err != nil {
			return err
		}
		loadable = append(loadable, d)
	}
	full := "docker.io/library/keyturn:" + s.version // what an engine makes of keyturn:VERSION
	if _, err := name.NewTag(full, name.StrictValidation); err != nil {
		return err
	}
	path, err := layout.Write(work, mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{
		Add: index, Descriptor: v1.Descriptor{Annotations: map[string]string{
			"io.containerd.image.name":          full,
			"org.opencontainers.image.ref.name": s.version,
		}},
	}))
	if err != nil {
		return err
	}
	manifest, err := json.Marshal(loadable)
	if err != nil {
		return err
	}
	if err := path.WriteFile("manifest.json", manifest, 0o600); err != nil {
		return err
	}
	return packFolder(file, s, work)
}

// descriptor is what manifest.json says of one image.
func descriptor(image v1.Image, tag string) (tarball.Descriptor, error) {
	manifest, err := image.Manifest()
	if err != nil {
		return tarball.Descriptor{}, err
	}
	blob := func(d v1.Descriptor) string { return "blobs/" + d.Digest.Algorithm + "/" + d.Digest.Hex }
	d := tarball.Descriptor{Config: blob(manifest.Config), RepoTags: []string{"keyturn:" + tag}}
	for _, layer := range manifest.Layers {
		d.Layers = append(d.Layers, blob(layer))
	}
	return d, nil
}

// packFolder writes the files of a folder to an archive, in the order of names.
func packFolder(file string, s stamp, folder string) (err error) {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	packed := archive{Writer: tar.NewWriter(out), date: s.date}
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		inside, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		return packed.copied(path, filepath.ToSlash(inside), 0o644)
	})
	return errors.Join(err, packed.Close())
}
