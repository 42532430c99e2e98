// Command release builds what a version of keyturn is published as: an archive of static programs for each platform, a
// package for Debian and an image for Linux, what they are made of (SBOM), and checksums. The same commit gives the same
// bytes on every machine that has the same Go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// platforms are those that a release is built for; programs what it has.
var (
	platforms = []string{"darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm64"}
	programs  = []string{"console", "rotatectl", "sandbox", "scheduler", "worker"}
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	root := flag.String("root", "../..", "checkout of keyturn to build")
	dist := flag.String("dist", "../../dist", "folder to write to, which must not exist or be empty")
	only := flag.String("platforms", strings.Join(platforms, ","), "what to build for")
	of := flag.String("programs", strings.Join(programs, ","), "what to build")
	dirty := flag.Bool("dirty", false, "build a checkout that was changed all the same")
	flag.Parse()
	err := run(ctx, release{
		root: *root, dist: *dist, platforms: strings.Split(*only, ","), programs: strings.Split(*of, ","), dirty: *dirty,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		stop()
		os.Exit(1)
	}
}

// release is what to build, and where.
type release struct {
	root, dist          string
	platforms, programs []string
	dirty               bool
}

func run(ctx context.Context, r release) error {
	if err := r.check(); err != nil {
		return err
	}
	s, err := readStamp(ctx, r.root)
	if err != nil {
		return err
	}
	if s.dirty && !r.dirty {
		return errors.New("the checkout was changed: commit first, or pass -dirty to try a build")
	}
	work, err := os.MkdirTemp("", "keyturn-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var built []string
	for _, platform := range r.platforms {
		folder := filepath.Join(work, strings.ReplaceAll(platform, "/", "_"))
		files, err := r.build(ctx, s, platform, folder, commands(r.programs)...)
		if err != nil {
			return err
		}
		built = append(built, files...)
		name := fmt.Sprintf("keyturn_%s_%s.tar.gz", s.version, filepath.Base(folder))
		if err := r.pack(filepath.Join(r.dist, name), s, files); err != nil {
			return err
		}
		fmt.Println(name)
	}
	more, besides, err := r.forLinux(ctx, s, work)
	if err != nil {
		return err
	}
	if err := writeBOM(filepath.Join(r.dist, "keyturn_"+s.version+".cdx.json"), s, append(built, more...), besides...); err != nil {
		return err
	}
	return writeSums(r.dist)
}

// forLinux writes the packages and the image, of programs that were built before. It returns what the image has besides
// those: its other programs, and the modules of its other files.
func (r release) forLinux(ctx context.Context, s stamp, work string) (more []string, besides []cdx.Component, err error) {
	var arches []string
	for _, platform := range r.platforms {
		if arch, ok := strings.CutPrefix(platform, "linux/"); ok {
			arches = append(arches, arch)
		}
	}
	if len(arches) == 0 {
		return nil, nil, nil
	}
	completions, err := r.completions(ctx, s, work)
	if err != nil {
		return nil, nil, err
	}
	var image multiImage
	for _, arch := range arches {
		folder := filepath.Join(work, "linux_"+arch)
		files := within(folder, r.programs)
		name, err := r.writeDeb(s, arch, files, completions, filepath.Join(work, "deb_"+arch))
		if err != nil {
			return nil, nil, err
		}
		fmt.Println(name)
		// docker-compose.yml prepares its Vault with a program that only an image has.
		setup, err := r.build(ctx, s, "linux/"+arch, folder, "./deploy/compose/setup")
		if err != nil {
			return nil, nil, err
		}
		more = append(more, setup...)
		if err := image.add(s, arch, append(files, setup...), filepath.Join(work, "layer_"+arch)); err != nil {
			return nil, nil, err
		}
	}
	name := fmt.Sprintf("keyturn_%s_image.tar", s.version)
	if err := image.write(filepath.Join(r.dist, name), s, filepath.Join(work, "image")); err != nil {
		return nil, nil, err
	}
	fmt.Println(name)
	roots, err := rootsComponent()
	return more, []cdx.Component{roots}, err
}

// commands are the packages of programs; within are their files in a folder.
func commands(programs []string) (packages []string) {
	for _, p := range programs {
		packages = append(packages, "./cmd/"+p)
	}
	return packages
}

func within(folder string, programs []string) (files []string) {
	for _, p := range programs {
		files = append(files, filepath.Join(folder, p))
	}
	return files
}

// check refuses what is mistyped, and a folder with something in it: checksums would be taken of that too.
func (r release) check() error {
	for _, p := range r.platforms {
		if !slices.Contains(platforms, p) {
			return fmt.Errorf("platform %q: want one of %s", p, strings.Join(platforms, ", "))
		}
	}
	for _, p := range r.programs {
		if !slices.Contains(programs, p) {
			return fmt.Errorf("program %q: want one of %s", p, strings.Join(programs, ", "))
		}
	}
	if err := os.MkdirAll(r.dist, 0o755); err != nil { //nolint:gosec // a release is for everyone to read
		return err
	}
	entries, err := os.ReadDir(r.dist)
	if err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty: remove it first", r.dist)
	}
	return err
}
