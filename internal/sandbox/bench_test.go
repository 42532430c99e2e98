package sandbox

import (
	"fmt"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// BenchmarkSets measures whole requests, client included, by state kept in memory and in a file.
func BenchmarkSets(b *testing.B) {
	for name, edit := range map[string]func(*Config){
		"memory": func(*Config) {},
		"file":   kept(filepath.Join(b.TempDir(), "state")),
	} {
		b.Run(name, func(b *testing.B) {
			s := start(b, with(TencentSES, ProviderConfig{Rate: &Rate{}}), edit)
			s.client.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
			targets := make([]Target, 1000)
			for i := range targets {
				targets[i].Target = fmt.Sprintf("u%d@example.com", i)
			}
			if _, err := s.AddTargets(TencentSES, targets...); err != nil {
				b.Fatal(err)
			}
			var n atomic.Int64
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					body := tencentBody(targets[i%1000].Target, fmt.Sprintf("ABcd%09d", i%1e9))
					if a := s.do(s.tencentRequest(body)); a.status != http.StatusOK {
						b.Errorf("%d %v", a.status, a.err)
					}
				}
			})
		})
	}
}
