package main

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// anImage writes the image of stand-ins for two architectures.
func anImage(t *testing.T) (file string) {
	t.Helper()
	var image multiImage
	for _, arch := range []string{"amd64", "arm64"} {
		if err := image.add(aStamp, arch, standIns(t, append(programs, "setup")...), filepath.Join(t.TempDir(), "layer")); err != nil {
			t.Fatal(err)
		}
	}
	file = filepath.Join(t.TempDir(), "image.tar")
	if err := image.write(file, aStamp, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	return file
}

// loaded is the image of an architecture as an engine loads it: by manifest.json.
func loaded(t *testing.T, file, arch string) v1.Image {
	t.Helper()
	tag, err := name.NewTag("keyturn:v1.2.0-" + arch)
	if err != nil {
		t.Fatal(err)
	}
	image, err := tarball.ImageFromPath(file, &tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(image); err != nil {
		t.Errorf("%s: %v", arch, err)
	}
	return image
}

// dockerfile is what the last stage of the Dockerfile has: its paths and its settings.
type dockerfile struct {
	paths          []string
	user, owner    string
	env, cmd       []string
	labels         []string
	entrypointsEtc []string // settings that the image of a release does not have
}

var (
	builtPackage = regexp.MustCompile(`\./(?:cmd|deploy/compose)/(\w+)`)
	madeFolder   = regexp.MustCompile(`/out(/[\w/-]+)`)
	copiedFile   = regexp.MustCompile(`cp -L (\S+) /out(/\S+)`)
	labelName    = regexp.MustCompile(`(org\.opencontainers\.image\.\w+)=`)
)

func readDockerfile(t *testing.T) dockerfile {
	t.Helper()
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	build, last, found := strings.Cut(strings.ReplaceAll(string(text), "\\\n", ""), "\nFROM scratch\n")
	if !found {
		t.Fatal("it has no stage from scratch")
	}
	var d dockerfile
	all := map[string]bool{}
	put := func(file string) {
		for ; file != "/"; file = path.Dir(file) {
			all[file] = true
		}
	}
	for _, m := range builtPackage.FindAllStringSubmatch(build, -1) {
		put("/bin/" + m[1])
	}
	for _, m := range copiedFile.FindAllStringSubmatch(build, -1) {
		put(path.Join(m[2], path.Base(m[1])))
	}
	for _, m := range madeFolder.FindAllStringSubmatch(build, -1) {
		put(path.Clean(m[1]))
	}
	for file := range all {
		d.paths = append(d.paths, file)
	}
	slices.Sort(d.paths)
	for line := range strings.Lines(last) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "", "#", "ARG":
		case "USER":
			d.user = rest
		case "ENV":
			d.env = append(d.env, rest)
		case "CMD":
			d.cmd = regexp.MustCompile(`[^\[\]", ]+`).FindAllString(rest, -1)
		case "LABEL":
			for _, m := range labelName.FindAllStringSubmatch(rest, -1) {
				d.labels = append(d.labels, m[1])
			}
		case "COPY":
			_, rest, _ = strings.Cut(rest, "--chown=")
			d.owner, _, _ = strings.Cut(rest, " ")
		default:
			d.entrypointsEtc = append(d.entrypointsEtc, word)
		}
	}
	slices.Sort(d.labels)
	return d
}

func TestTheImageIsTheOneOfTheDockerfile(t *testing.T) {
	t.Parallel()
	want := readDockerfile(t)
	file := anImage(t)
	for _, arch := range []string{"amd64", "arm64"} {
		image := loaded(t, file, arch)
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		c := config.Config
		labels := slices.Sorted(func(yield func(string) bool) {
			for label := range c.Labels {
				if !yield(label) {
					return
				}
			}
		})
		if c.User != want.user || !slices.Equal(c.Env, want.env) || !slices.Equal(c.Cmd, want.cmd) || !slices.Equal(labels, want.labels) ||
			c.Entrypoint != nil || len(want.entrypointsEtc) > 0 {
			t.Errorf("%s: %+v, want %+v", arch, c, want)
		}
		if config.OS != "linux" || config.Architecture != arch || !config.Created.Equal(aStamp.date) || c.Labels["org.opencontainers.image.version"] != "v1.2.0" {
			t.Errorf("%s: it says that it is of %s/%s, %v, %v", arch, config.OS, config.Architecture, config.Created, c.Labels)
		}
		layers, err := image.Layers()
		if err != nil || len(layers) != 1 {
			t.Fatalf("%d layers, %v", len(layers), err)
		}
		text, err := layers[0].Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		checkLayer(t, text, want)
	}
}

func checkLayer(t *testing.T, text io.ReadCloser, want dockerfile) {
	t.Helper()
	files := untar(t, text)
	if err := text.Close(); err != nil {
		t.Error(err)
	}
	var paths []string
	for file, m := range files {
		paths = append(paths, file)
		if owner := strconv.Itoa(m.Uid) + ":" + strconv.Itoa(m.Gid); owner != want.owner || !m.ModTime.Equal(aStamp.date) {
			t.Errorf("%s belongs to %s and is of %v", file, owner, m.ModTime)
		}
	}
	slices.Sort(paths)
	if !slices.Equal(paths, want.paths) {
		t.Errorf("%v, want %v", paths, want.paths)
	}
	if worker := files["/bin/worker"]; worker.data != "worker" || worker.Mode != 0o755 {
		t.Errorf("the worker is %q, of mode %o", worker.data, worker.Mode)
	}
	if !x509.NewCertPool().AppendCertsFromPEM([]byte(files["/"+imageCAs].data)) {
		t.Error("it trusts no certificate")
	}
}

func TestTheImageIsAnIndexOfAllArchitecturesToo(t *testing.T) {
	t.Parallel()
	file := anImage(t)
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	folder := t.TempDir()
	for name, m := range untar(t, f) {
		to := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(m.data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	outer, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(outer); err != nil {
		t.Error(err)
	}
	named, err := outer.IndexManifest()
	if err != nil || len(named.Manifests) != 1 || named.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "v1.2.0" {
		t.Fatalf("%+v, %v", named, err)
	}
	index, err := outer.ImageIndex(named.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil || len(manifest.Manifests) != 2 {
		t.Fatalf("%+v, %v", manifest, err)
	}
	for _, d := range manifest.Manifests {
		got, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := got.ConfigName()
		if err != nil {
			t.Fatal(err)
		}
		if want, err := loaded(t, file, d.Platform.Architecture).ConfigName(); err != nil || config != want {
			t.Errorf("%s: the index has %v, and an engine loads %v, %v", d.Platform, config, want, err)
		}
	}
}

func TestTheImageTrustsWhomMozillaTrustsWithoutACondition(t *testing.T) {
	t.Parallel()
	text, err := rootsOfTrust()
	if err != nil {
		t.Fatal(err)
	}
	trusted := map[string]bool{}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			t.Error(err)
		}
		trusted[string(block.Bytes)] = true
	}
	if len(trusted) < 100 {
		t.Errorf("only %d authorities", len(trusted))
	}
	for root := range bundle.Roots() {
		if trusted[string(root.Certificate)] == (root.Constraint != nil) {
			t.Errorf("trusted: %v, under a condition: %v", trusted[string(root.Certificate)], root.Constraint != nil)
		}
	}
}
