package alibabaram

import (
	"net/http"
	"strings"
	"testing"

	"keyturn/internal/sandbox/accesskey"
	"keyturn/internal/sandbox/alibabadirectmail"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
)

// The keys of a user call RAM and the other products of its cloud for as long as they are active.
func TestAKeyOfAUserCallsTheProductsOfItsCloudWhileItIsActive(t *testing.T) {
	t.Parallel()
	b := bench{sandboxtest.Start(t, []core.StandIn{StandIn(), alibabadirectmail.StandIn()}, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}}))}
	key := b.create(t)
	calls := func() (ram, mail string) {
		own := signed(opList)
		own.ID, own.Secret = key.AccessKeyID, key.AccessKeySecret
		other := own
		other.Code = alibabadirectmail.Code
		return b.ACS3(own).Body, b.ACS3(other).Body
	}
	admitted := func() bool {
		ram, mail := calls()
		return strings.Contains(ram, key.AccessKeyID) && strings.Contains(mail, "InvalidAction.NotFound")
	}
	refused := func() bool {
		ram, mail := calls()
		return strings.Contains(ram, "InvalidAccessKeyId.NotFound") && strings.Contains(mail, "InvalidAccessKeyId.NotFound")
	}
	turn := func(status string) {
		if a := b.ACS3(signed(opUpdate, "UserAccessKeyId", key.AccessKeyID, "Status", status)); a.Status != http.StatusOK {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	if !admitted() {
		t.Error(calls())
	}
	turn(accesskey.Inactive)
	if !refused() {
		t.Error(calls())
	}
	turn(accesskey.Active)
	if !admitted() {
		t.Error(calls())
	}
	turn(accesskey.Inactive)
	if a := b.ACS3(signed(opDelete, "UserAccessKeyId", key.AccessKeyID)); a.Status != http.StatusOK || !refused() {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}
