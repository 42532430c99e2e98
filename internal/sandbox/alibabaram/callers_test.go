package alibabaram

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"keyturn/internal/sandbox/accesskey"
	"keyturn/internal/sandbox/alibabadirectmail"
	"keyturn/internal/sandbox/alibabadomain"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
)

// products are those of the cloud, and what each says to a key that it lets in: a list, and an action that the others miss.
var products = map[string]string{Code: "", alibabadirectmail.Code: "InvalidAction.NotFound", alibabadomain.Code: "InvalidAction.NotFound"}

// cloud runs all products of Alibaba Cloud.
func cloud(t *testing.T) bench {
	t.Helper()
	all := []core.StandIn{StandIn(), alibabadirectmail.StandIn(), alibabadomain.StandIn()}
	return bench{sandboxtest.Start(t, all, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}}))}
}

// callsWith calls every product with a key, and returns what each refuses with.
func (b bench) callsWith(t *testing.T, id, secret string) map[string]string {
	t.Helper()
	codes := map[string]string{}
	for code := range products {
		call := signed(opList)
		call.Code, call.ID, call.Secret = code, id, secret
		codes[code] = sandboxtest.ACS3Code(t, b.ACS3(call))
	}
	return codes
}

// all are the products that say the same.
func all(code string) map[string]string {
	codes := map[string]string{}
	for product := range products {
		codes[product] = code
	}
	return codes
}

func (b bench) turn(t *testing.T, id, status string) {
	t.Helper()
	if a := b.ACS3(signed(opUpdate, "UserAccessKeyId", id, "Status", status)); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
}

// The keys of a user call RAM and the other products of its cloud for as long as they are active, and each call that is refused
// because of its key is counted where it was made.
func TestAKeyOfAUserCallsTheProductsOfItsCloudWhileItIsActive(t *testing.T) {
	t.Parallel()
	b := cloud(t)
	key := b.create(t)
	var refusals int64
	check := func(when, secret string, want map[string]string) {
		t.Helper()
		if got := b.callsWith(t, key.AccessKeyID, secret); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
		if !maps.Equal(want, products) {
			refusals++
		}
		for product, stats := range b.Stats() {
			if stats.KeyRefusals != refusals || stats.Unauthorized != refusals {
				t.Errorf("%s: %s counts %d refusals of keys, %d unauthorized, want %d", when, product, stats.KeyRefusals, stats.Unauthorized, refusals)
			}
		}
	}
	check("new", key.AccessKeySecret, products)
	check("with another secret", "x", all("SignatureDoesNotMatch"))
	b.turn(t, key.AccessKeyID, accesskey.Inactive)
	check("disabled", key.AccessKeySecret, all("InvalidAccessKeyId.Inactive"))
	b.turn(t, key.AccessKeyID, accesskey.Active)
	check("enabled", key.AccessKeySecret, products)
	b.turn(t, key.AccessKeyID, accesskey.Inactive)
	if a := b.ACS3(signed(opDelete, "UserAccessKeyId", key.AccessKeyID)); a.Status != http.StatusOK {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	check("deleted", key.AccessKeySecret, all("InvalidAccessKeyId.NotFound"))
	b.ResetStats()
	refusals = 0
	late := signed(opList)
	late.Behind = time.Hour
	if code := sandboxtest.ACS3Code(t, b.ACS3(late)); code != "InvalidTimeStamp.Expired" || b.Stats()[Code].KeyRefusals != 0 {
		t.Errorf("a clock is no key: %s, %+v", code, b.Stats()[Code])
	}
}

// A user rotates the key that it calls with.
func TestAUserMakesItsNextKeyWithTheOneBefore(t *testing.T) {
	t.Parallel()
	b := cloud(t)
	key := b.create(t)
	b.turn(t, first, accesskey.Inactive)
	own := signed(opDelete, "UserAccessKeyId", first)
	own.ID, own.Secret = key.AccessKeyID, key.AccessKeySecret
	if a := b.ACS3(own); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	own = signed(opCreate)
	own.ID, own.Secret = key.AccessKeyID, key.AccessKeySecret
	if a := b.ACS3(own); a.Status != http.StatusOK {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := b.ACS3(own); sandboxtest.ACS3Code(t, a) != "LimitExceeded.User.AccessKey" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// A key that has not spread is unknown to the products, and listed.
func TestANewKeyIsRefusedUntilItHasSpread(t *testing.T) {
	t.Parallel()
	b := cloud(t)
	b.Inject(core.Fault{Provider: Code, Op: opCreate, Kind: core.Propagation, Delay: core.Duration(time.Minute)})
	key := b.create(t)
	if got, want := b.callsWith(t, key.AccessKeyID, key.AccessKeySecret), all("InvalidAccessKeyId.NotFound"); !maps.Equal(got, want) {
		t.Errorf("new: %v", got)
	}
	if s := b.Target(Code, user+"/"+key.AccessKeyID); s.Live != key.AccessKeySecret || s.Serving != "" {
		t.Errorf("state %+v", s)
	}
	b.Clock.Advance(time.Minute)
	if got := b.callsWith(t, key.AccessKeyID, key.AccessKeySecret); !maps.Equal(got, products) {
		t.Errorf("later: %v", got)
	}
}
