package sandbox

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func kept(path string) func(*Config) { return func(c *Config) { c.StateFile = path } }

// TestStateSurvivesAKill starts the second sandbox while the first one still runs: what the second one finds was on the
// disk when the reply arrived.
func TestStateSurvivesAKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	b := start(t, kept(path))
	b.inject(Fault{Provider: TencentSES, Kind: Propagation, Delay: Duration(maxDelay)})
	b.setTencent(newPassword)
	issued := readKirim(t, b.resetKirim()).Data.NewPassword
	b.acs3(submit(contactsVersionChina, "Email", "c@test.com"))
	b.kirim(http.MethodPost, "example.com/credentials", `{"username":"second"}`)
	b.post("/password", `{"provider":"enom","target":"resellerdocs.com","password":"by hand"}`)

	after := start(t, kept(path))
	if s := after.state(TencentSES, sender); s.Live != newPassword || s.Serving != "" || s.Version != 1 {
		t.Errorf("tencent %+v", s)
	}
	if code := after.login(KirimEmail, "myuser", issued); code != 235 {
		t.Errorf("kirim login %d", code)
	}
	if c := after.state(AlibabaDomain, "c@test.com").Contact; c == nil || !c.Mailed {
		t.Errorf("contact %+v", c)
	}
	if s := after.state(Enom, enomDomain); s.Live != "by hand" {
		t.Errorf("enom %+v", s)
	}
	if n := len(after.State()[KirimEmail]); n != 2 {
		t.Errorf("%d KIRIM.EMAIL credentials, want 2", n)
	}
	if string(after.ca.pem()) != string(b.ca.pem()) {
		t.Error("another certificate authority")
	}
	if code := tencentCode(t, after.setTencent(newPassword)); code != "OperationDenied.RepeatPassWord" {
		t.Errorf("the same password after the restart: %q", code)
	}
}

func TestATornLastLineIsDropped(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	b := start(t, kept(path))
	b.setTencent(newPassword)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	torn := path + ".torn"
	if err := os.WriteFile(torn, data[:len(data)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	after := start(t, kept(torn))
	if s := after.state(TencentSES, sender); s.Version != 0 {
		t.Errorf("state %+v", s)
	}
	if code := tencentCode(t, after.setTencent(newPassword)); code != "" {
		t.Errorf("set after: %s", code)
	}
	if s := start(t, kept(torn)).state(TencentSES, sender); s.Live != newPassword {
		t.Errorf("state after the next start %+v", s)
	}
}

func TestADamagedStateFileIsNamedWithItsLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(path, []byte("{}\nnonsense\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Config{Now: time.Now, StateFile: path})
	if err == nil || !strings.Contains(err.Error(), "state:2: ") {
		t.Errorf("error %v", err)
	}
}

func TestTheStateFileDoesNotGrowWithoutEnd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	st, _, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	pad := strings.Repeat("x", 4000)
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range 200 {
				r := record{Target: fmt.Sprint(w), Live: pad, Version: i + 1}
				if err := st.put(stored{Provider: "p", Target: r.Target, Record: &r}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	st.close()
	info, err := os.Stat(path)
	if err != nil || info.Size() > minCompact+4*8*5000 { // 1600 lines would be over 6 MB
		t.Errorf("size %d %v", info.Size(), err)
	}
	again, items, err := openStore(path)
	if err != nil || len(items) != 8 {
		t.Fatalf("%d items %v", len(items), err)
	}
	defer again.close()
	for _, item := range items {
		if item.Record.Version != 200 {
			t.Errorf("%s: version %d, want the newest", item.Target, item.Record.Version)
		}
	}
	if err := st.put(stored{Provider: "p", Target: "t", Record: &record{}}); err == nil {
		t.Error("a closed state file took a write")
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
