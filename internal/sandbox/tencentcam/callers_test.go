package tencentcam

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"keyturn/internal/sandbox/accesskey"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
	"keyturn/internal/sandbox/tencentses"
)

// cloud runs both products of Tencent Cloud.
func cloud(t *testing.T) bench {
	t.Helper()
	return bench{sandboxtest.Start(t, []core.StandIn{StandIn(), tencentses.StandIn()}, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}}))}
}

// admitted is what both products say to a key that they let in: a list, and an action that the other misses.
var admitted = map[string]string{Code: "", tencentses.Code: "InvalidAction"}

func both(code string) map[string]string { return map[string]string{Code: code, tencentses.Code: code} }

// callsWith calls both products with a key, and returns what each refuses with.
func (b bench) callsWith(t *testing.T, id, secret string) map[string]string {
	t.Helper()
	body := of(user)
	mail := b.Request(http.MethodPost, b.Ready().Providers[tencentses.Code]+"/", body)
	mail.Header.Set("Content-Type", "application/json")
	mail.Header.Set("X-TC-Action", opList)
	mail.Header.Set("X-TC-Version", "2020-10-02")
	mail.Header.Set("X-TC-Region", "ap-singapore")
	signFor("ses", mail, body, id, secret, b.Clock.Now())
	own := func(r *http.Request) { sign(r, body, id, secret, b.Clock.Now()) }
	return map[string]string{Code: refused(t, b.call(opList, body, own)), tencentses.Code: refused(t, b.Do(mail))}
}

// The keys of a sub-user call CAM and SES for as long as they are active, and each call that is refused because of its key is
// counted where it was made. A key that is disabled has the code of one that does not exist.
func TestAKeyOfASubUserCallsBothProductsWhileItIsActive(t *testing.T) {
	t.Parallel()
	b := cloud(t)
	key := told(t, b.call(opCreate, of(user), nil)).AccessKey
	var refusals int64
	check := func(when, secret string, want map[string]string) {
		t.Helper()
		if got := b.callsWith(t, key.AccessKeyId, secret); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
		if !maps.Equal(want, admitted) {
			refusals++
		}
		for product, stats := range b.Stats() {
			if stats.KeyRefusals != refusals || stats.Unauthorized != refusals {
				t.Errorf("%s: %s counts %d refusals of keys, %d unauthorized, want %d", when, product, stats.KeyRefusals, stats.Unauthorized, refusals)
			}
		}
	}
	turn := func(status string) {
		t.Helper()
		if code := refused(t, b.call(opUpdate, of(user, "AccessKeyId", key.AccessKeyId, "Status", status), nil)); code != "" {
			t.Fatal(code)
		}
	}
	check("new", key.SecretAccessKey, admitted)
	check("with another secret", "x", both("AuthFailure.SignatureFailure"))
	turn(accesskey.Inactive)
	check("disabled", key.SecretAccessKey, both("AuthFailure.SecretIdNotFound"))
	turn(accesskey.Active)
	check("enabled", key.SecretAccessKey, admitted)
	turn(accesskey.Inactive)
	if code := refused(t, b.call(opDelete, of(user, "AccessKeyId", key.AccessKeyId), nil)); code != "" {
		t.Error(code)
	}
	check("deleted", key.SecretAccessKey, both("AuthFailure.SecretIdNotFound"))
	b.ResetStats()
	late := func(r *http.Request) {
		sign(r, of(user), StandIn().Key.ID, StandIn().Key.Secret, b.Clock.Now().Add(-time.Hour))
	}
	if code := refused(t, b.call(opList, of(user), late)); code != "AuthFailure.SignatureExpire" || b.Stats()[Code].KeyRefusals != 0 {
		t.Errorf("a clock is no key: %s, %+v", code, b.Stats()[Code])
	}
}

// A key that has not spread is unknown to both products.
func TestANewKeyIsRefusedUntilItHasSpread(t *testing.T) {
	t.Parallel()
	b := cloud(t)
	b.Inject(core.Fault{Provider: Code, Op: opCreate, Kind: core.Propagation, Delay: core.Duration(time.Minute)})
	key := told(t, b.call(opCreate, of(user), nil)).AccessKey
	if got, want := b.callsWith(t, key.AccessKeyId, key.SecretAccessKey), both("AuthFailure.SecretIdNotFound"); !maps.Equal(got, want) {
		t.Errorf("new: %v", got)
	}
	b.Clock.Advance(time.Minute)
	if got := b.callsWith(t, key.AccessKeyId, key.SecretAccessKey); !maps.Equal(got, admitted) {
		t.Errorf("later: %v", got)
	}
}
