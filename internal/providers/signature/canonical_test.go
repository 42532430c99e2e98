package signature

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// FuzzCanonicalQuery holds that the canonical form loses nothing and leaves only unreserved characters bare, so that
// no two different queries are signed alike.
func FuzzCanonicalQuery(f *testing.F) {
	f.Add("RegionId", "cn-shanghai", "ImageId", "win2019_x64.vhd")
	f.Add("a b", "c+d", "e&f=g", "~*'()!")
	f.Add("", "", "\x00", "未命名\xff")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		query := url.Values{name1: {value1}}
		query.Add(name2, value2)
		canonical := canonicalQuery(query)
		if odd := strings.IndexFunc(canonical, func(r rune) bool {
			return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~%&=", r)
		}); odd >= 0 {
			t.Fatalf("%q has a bare %q", canonical, canonical[odd])
		}
		back, err := url.ParseQuery(canonical)
		if err != nil || !reflect.DeepEqual(back, query) {
			t.Fatalf("%q came back as %q (%v)", query, back, err)
		}
	})
}

// FuzzCanonicalHeaders holds that every signed header makes one line of its own, sorted, and that nothing else is signed.
func FuzzCanonicalHeaders(f *testing.F) {
	f.Add("dm.aliyuncs.com", "ModifyPWByDomain", "2015-11-23", "keyturn")
	f.Add("localhost:1", " padded\t", "", "x")
	f.Fuzz(func(t *testing.T, host, action, version, agent string) {
		if strings.ContainsAny(host+action+version, "\r\n") {
			return // net/http refuses to send such a header
		}
		header := http.Header{}
		header.Set("X-Acs-Version", version)
		header.Set("X-Acs-Action", action)
		header.Set("User-Agent", agent)
		lines, names := canonicalHeaders(host, header, func(name string) bool { return strings.HasPrefix(name, "x-acs-") })
		want := "host:" + host + "\nx-acs-action:" + strings.TrimSpace(action) + "\nx-acs-version:" + strings.TrimSpace(version) + "\n"
		if lines != want || names != "host;x-acs-action;x-acs-version" {
			t.Fatalf("signed %q as %q", lines, names)
		}
	})
}
