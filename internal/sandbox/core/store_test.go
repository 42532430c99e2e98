package core

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

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
				r := Record{Target: fmt.Sprint(w), Live: pad, Version: i + 1}
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
	if err := st.put(stored{Provider: "p", Target: "t", Record: &Record{}}); err == nil {
		t.Error("a closed state file took a write")
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
