package providers_test

import (
	"fmt"
	"strings"
	"testing"

	"keyturn/internal/providers/providertest"
)

func TestTheTableOfWrappingsIsTheOneThatIsTested(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("| wrapping | the password is |\n| --- | --- |\n")
	for _, w := range providertest.Wrappings() {
		fmt.Fprintf(&b, "| %s | %s |\n", w.Name, w.Fate)
	}
	checkPage(t, "wrappings.md", b.String())
}
