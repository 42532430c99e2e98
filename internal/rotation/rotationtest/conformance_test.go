package rotationtest_test

import (
	"testing"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
)

// The model knows one place, and nothing is deleted there: those tests are the real store's alone.
func TestModelStoreKeepsTheContractOfAStore(t *testing.T) {
	t.Parallel()
	rotationtest.Stores(t, func(*testing.T) rotationtest.StoreHarness {
		worker := &rotationtest.Worker{World: rotationtest.NewWorld(), Name: "one"}
		machine := worker.Machine()
		put := note(worker)
		return rotationtest.StoreHarness{
			Journals: machine.Journals, Secrets: machine.Secrets, Credential: &rotation.Credential{ID: "mail"},
			Note: func(*testing.T) (now, before string) { return note(worker), put },
		}
	})
}

func note(k *rotationtest.Worker) string {
	text, _ := k.Current().Rest.(map[string]any)["note"].(string)
	return text
}
