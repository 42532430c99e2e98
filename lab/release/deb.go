package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
)

const description = `rotates credentials that live at third-party providers
keyturn changes SMTP passwords, API keys and domain passwords at the providers that hold them, proves that they work, and
keeps them in HashiCorp Vault or OpenBao, where programs read them. It journals every candidate in Vault before it sends it,
so that no crash loses one.
.
It needs a Vault and a Redis, on this machine or another one. /usr/share/doc/keyturn/deploy/systemd/README.md says how to begin.`

// writeDeb writes the package for Debian and its descendants, and returns its name. What it makes on the way is in work.
func (r release) writeDeb(s stamp, arch string, programs, completions []string, work string) (name string, err error) {
	if err := os.MkdirAll(work, 0o700); err != nil {
		return "", err
	}
	contents, err := r.debContents(programs, completions, work)
	if err != nil {
		return "", err
	}
	scripts := filepath.Join(r.root, "lab", "release", "debian")
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: "keyturn", Arch: arch, Version: debVersion(s), VersionSchema: "none", MTime: s.date, DisableGlobbing: true,
		Section: "admin", Maintainer: "The keyturn maintainers <maintainers@keyturn.invalid>", Description: description,
		Overridables: nfpm.Overridables{
			Contents: contents,
			Suggests: []string{"redis-server"},
			Scripts: nfpm.Scripts{
				PostInstall: filepath.Join(scripts, "postinst"), PreRemove: filepath.Join(scripts, "prerm"), PostRemove: filepath.Join(scripts, "postrm"),
			},
			Deb: nfpm.Deb{Compression: "xz"},
		},
	})
	name = deb.Default.ConventionalFileName(info)
	out, err := os.Create(filepath.Join(r.dist, name))
	if err != nil {
		return "", err
	}
	return name, errors.Join(deb.Default.Package(info, out), out.Close())
}

var (
	tagged    = regexp.MustCompile(`^v\d`)
	beyondTag = regexp.MustCompile(`-(\d+)-g([0-9a-f]+)$`)
)

// debVersion is the version as Debian orders it: a candidate comes before its release, commits after a tag come after it, and
// a commit without any tag comes before all.
func debVersion(s stamp) string {
	version, dirty := strings.CutSuffix(s.version, "-dirty")
	if tagged.MatchString(version) {
		version = beyondTag.ReplaceAllString(version[1:], "+$1.g$2")
		version = strings.Replace(version, "-", "~", 1)
		version = strings.ReplaceAll(version, "-", ".") // Debian would take what follows for its own revision
	} else {
		version = "0~" + s.date.Format("20060102150405") + "." + version
	}
	if dirty {
		version += "+dirty"
	}
	return version
}

const docs = "/usr/share/doc/keyturn/"

// debContents are the files and folders of the package. Those that it makes itself are written to work.
func (r release) debContents(programs, completions []string, work string) (files.Contents, error) {
	all := files.Contents{folder("/etc/keyturn", 0o755)}
	for _, program := range programs {
		name := filepath.Base(program)
		if name == "rotatectl" {
			all = append(all, regular(program, "/usr/bin/rotatectl", 0o755))
			continue
		}
		// A worker or a console in /usr/bin could be anything's.
		all = append(all, regular(program, "/usr/bin/keyturn-"+name, 0o755))
		unit, err := r.unit(name, work)
		if errors.Is(err, os.ErrNotExist) {
			continue // the sandbox is no service
		}
		if err != nil {
			return nil, err
		}
		all = append(all, regular(unit, "/usr/lib/systemd/system/"+filepath.Base(unit), 0o644), folder("/etc/keyturn/"+name, 0o700))
	}
	for _, script := range completions {
		all = append(all, regular(script, map[string]string{
			"bash": "/usr/share/bash-completion/completions/rotatectl",
			"fish": "/usr/share/fish/vendor_completions.d/rotatectl.fish",
			"zsh":  "/usr/share/zsh/vendor-completions/_rotatectl",
		}[filepath.Base(script)], 0o644))
	}
	documents, err := r.documents()
	if err != nil {
		return nil, err
	}
	for _, name := range documents {
		all = append(all, regular(filepath.Join(r.root, name), docs+filepath.ToSlash(name), 0o644))
	}
	changelog := filepath.Join(work, "changelog.gz")
	if err := compress(filepath.Join(r.root, "CHANGELOG.md"), changelog); err != nil {
		return nil, err
	}
	return append(all,
		// Where Debian's own tools look for them.
		regular(filepath.Join(r.root, "LICENSE"), docs+"copyright", 0o644),
		regular(changelog, docs+"changelog.gz", 0o644),
	), nil
}

// unit writes the unit of a program for where a package puts it; the one in the checkout is for what a person installs.
func (r release) unit(program, work string) (string, error) {
	name := "keyturn-" + program + ".service"
	text, err := os.ReadFile(filepath.Join(r.root, "deploy", "systemd", name))
	if err != nil {
		return "", err
	}
	text = bytes.ReplaceAll(text, []byte("/usr/local/bin/"), []byte("/usr/bin/"))
	file := filepath.Join(work, name)
	return file, os.WriteFile(file, text, 0o600)
}

// compress writes a file in the form of gzip, without a name and a time.
func compress(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	w, err := gzip.NewWriterLevel(&text, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, text.Bytes(), 0o600)
}

func regular(source, destination string, mode os.FileMode) *files.Content {
	return &files.Content{Source: source, Destination: destination, Type: files.TypeFile, FileInfo: &files.ContentFileInfo{Mode: mode}}
}

func folder(destination string, mode os.FileMode) *files.Content {
	return &files.Content{Destination: destination, Type: files.TypeDir, FileInfo: &files.ContentFileInfo{Mode: mode}}
}
