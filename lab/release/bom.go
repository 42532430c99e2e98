package main

import (
	"bytes"
	"debug/buildinfo"
	"maps"
	"os"
	"slices"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// writeBOM writes what the programs are made of, as CycloneDX: each module that the linker put into one of them, with the
// version that go.sum fixes. It is read from the programs themselves, not from go.mod, which also knows what tests need.
// Besides, it names the modules of which files are in the release.
func writeBOM(file string, s stamp, programs []string, besides ...cdx.Component) error {
	modules := map[string]cdx.Component{}
	for _, c := range besides {
		modules[c.BOMRef] = c
	}
	for _, program := range programs {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return err
		}
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			c := component(cdx.ComponentTypeLibrary, m.Path, m.Version)
			modules[c.BOMRef] = c
		}
		std := component(cdx.ComponentTypeLibrary, "std", info.GoVersion)
		modules[std.BOMRef] = std
	}
	components := slices.SortedFunc(maps.Values(modules), func(a, b cdx.Component) int {
		return bytes.Compare([]byte(a.BOMRef), []byte(b.BOMRef))
	})
	product := component(cdx.ComponentTypeApplication, "keyturn", s.version)
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Timestamp: s.date.Format(time.RFC3339), Component: &product}
	bom.Components = &components
	bom.SerialNumber = "" // it would differ each time
	var text bytes.Buffer
	if err := cdx.NewBOMEncoder(&text, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom); err != nil {
		return err
	}
	return os.WriteFile(file, text.Bytes(), 0o644) //nolint:gosec // for everyone to read
}

func component(kind cdx.ComponentType, name, version string) cdx.Component {
	url := "pkg:golang/" + name + "@" + version
	return cdx.Component{Type: kind, Name: name, Version: version, PackageURL: url, BOMRef: url}
}
