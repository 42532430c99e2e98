package main

import (
	"bytes"
	"encoding/pem"
	"errors"
	"runtime/debug"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// rootsModule is where the certificates of the image come from; go.sum fixes its content.
const rootsModule = "golang.org/x/crypto/x509roots/fallback"

// rootsOfTrust are the certificate authorities that Mozilla trusts to name servers, as PEM. A file cannot say that one is
// trusted only for what it signed before a day, so such a one is left out.
func rootsOfTrust() ([]byte, error) {
	var text bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}

// rootsComponent is the line of the SBOM for them.
func rootsComponent() (cdx.Component, error) {
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if m.Path == rootsModule {
			return component(cdx.ComponentTypeLibrary, m.Path, m.Version), nil
		}
	}
	return cdx.Component{}, errors.New(rootsModule + ": this program does not know which version it has: build it with its module")
}
