package vaultkv_test

import (
	"net/http"
	"testing"

	"keyturn/internal/rotation/rotationtest"
)

func TestVaultKeepsTheContractOfAStore(t *testing.T) {
	t.Parallel()
	const put = "mine, ünd \"quoted\""
	rotationtest.Stores(t, func(t *testing.T) rotationtest.StoreHarness {
		t.Helper()
		v, cred := open(t, config()), newCredential()
		byHand := "secret/data/" + cred.Place.Path
		ask(t, http.MethodPut, byHand, map[string]any{"data": map[string]any{"password": rotationtest.Old.Reveal(), "note": put}})
		return rotationtest.StoreHarness{
			Journals: v, Secrets: v, Credential: cred, Nowhere: newCredential().Place,
			Note: func(t *testing.T) (now, before string) {
				t.Helper()
				text, _ := ask(t, http.MethodGet, byHand, nil)["data"].(map[string]any)["note"].(string)
				return text, put
			},
			Delete: func(t *testing.T) { t.Helper(); ask(t, http.MethodDelete, byHand, nil) },
		}
	})
}
