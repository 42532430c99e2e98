package main

import (
	"context"
	"fmt"
	"strings"
)

// examine has rotatectl look at everything that keyturn depends on, before anything goes wrong.
func (s *stage) examine(ctx context.Context) error {
	out, err := s.rotatectl(ctx, "doctor")
	if err != nil {
		return err
	}
	good := 0
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "ok ") {
			good++
		}
	}
	fmt.Printf("demo: rotatectl doctor: %d findings in order\n", good)
	return nil
}
