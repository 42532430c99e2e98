package core_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"

	"keyturn/internal/sandbox/core"
)

// BenchmarkSets measures whole requests, client included, by state kept in memory and in a file.
func BenchmarkSets(b *testing.B) {
	for name, edit := range map[string]func(*core.Config){
		"memory": func(*core.Config) {},
		"file":   kept(filepath.Join(b.TempDir(), "state")),
	} {
		b.Run(name, func(b *testing.B) {
			s := start(b, unlimited(plain), edit)
			s.Client.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
			targets := make([]core.Target, 1000)
			for i := range targets {
				targets[i].Target = fmt.Sprintf("u%d@example.com", i)
			}
			if _, err := s.AddTargets(plain, targets...); err != nil {
				b.Fatal(err)
			}
			var n atomic.Int64
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					r := s.request(http.MethodPut, plain, targets[i%1000].Target, fmt.Sprintf("ABcd%09d", i%1e9))
					if a := s.Do(r); a.Status != http.StatusOK {
						b.Errorf("%d %v", a.Status, a.Err)
					}
				}
			})
		})
	}
}
