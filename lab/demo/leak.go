package main

import (
	"context"
	"fmt"
	"strings"

	"keyturn/internal/devenv"
)

// leak has one password of each strategy made worthless, as a person would whose passwords have leaked, and shows that
// they are refused afterwards.
func (s *stage) leak(ctx context.Context) error {
	leaked := []string{
		s.last(func(c devenv.Credential) bool { return c.Account == "ses" && c.Second == "" }),
		s.last(func(c devenv.Credential) bool { return c.Second != "" }),
		s.last(func(c devenv.Credential) bool { return c.Overlaps }),
	}
	out, err := s.rotatectl(ctx, append([]string{"rotate", "--leaked"}, leaked...)...)
	if err != nil {
		return err
	}
	fmt.Printf("\ndemo: rotatectl rotate --leaked %s\n%s", strings.Join(leaked, " "), out)
	if n := strings.Count(out, "the old password is refused"); n != len(leaked) {
		return fmt.Errorf("%d of %d leaked passwords are refused", n, len(leaked))
	}
	return nil
}

// last is the id of the last credential of a kind: no program of the demo uses it.
func (s *stage) last(of func(devenv.Credential) bool) (id string) {
	for _, c := range s.fleet {
		if of(c) {
			id = c.ID
		}
	}
	return id
}
