// Package providers lists every provider that keyturn knows.
package providers

//go:generate go test . ./declared -run Docs -update

import (
	"cmp"
	"slices"

	"keyturn/internal/providers/alibabadirectmail"
	"keyturn/internal/providers/alibabadomain"
	"keyturn/internal/providers/declared"
	"keyturn/internal/providers/enom"
	"keyturn/internal/providers/kirimemail"
	"keyturn/internal/providers/tencentses"
	"keyturn/internal/rotation"
)

// Registry is what an account may name, in the order of the codes.
type Registry []rotation.Provider

// All returns the providers that keyturn has with it. A provider in Go is known once it is listed here, a description once
// its file is in the folder declared.
func All() Registry {
	all := Registry{
		alibabadirectmail.Provider(),
		alibabadomain.Provider(),
		enom.Provider(),
		kirimemail.Provider(),
		tencentses.Provider(),
	}
	for _, d := range declared.Embedded() {
		all = append(all, d.Provider())
	}
	slices.SortFunc(all, func(a, b rotation.Provider) int { return cmp.Compare(a.Code, b.Code) })
	return all
}

// Providers returns them as a list.
func (r Registry) Providers() []rotation.Provider { return r }

// Describe reads one more from the text of a file. It must not have the code of one that is known, or of others. What is
// wrong with it is a *document.Errors.
func (r Registry) Describe(file string, text []byte, others ...string) (rotation.Provider, error) {
	for _, p := range r {
		others = append(others, p.Code)
	}
	d, err := declared.Read(file, text, others...)
	if err != nil {
		return rotation.Provider{}, err
	}
	return d.Provider(), nil
}
