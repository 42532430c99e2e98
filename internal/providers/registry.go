// Package providers lists every provider that keyturn knows.
package providers

//go:generate go test . -run Docs -update

import (
	"keyturn/internal/providers/alibabadirectmail"
	"keyturn/internal/providers/alibabadomain"
	"keyturn/internal/providers/enom"
	"keyturn/internal/providers/kirimemail"
	"keyturn/internal/providers/tencentses"
	"keyturn/internal/rotation"
)

// All returns the providers in the order of their codes. A provider is known once it is listed here.
func All() []rotation.Provider {
	return []rotation.Provider{
		alibabadirectmail.Provider(),
		alibabadomain.Provider(),
		enom.Provider(),
		kirimemail.Provider(),
		tencentses.Provider(),
	}
}
