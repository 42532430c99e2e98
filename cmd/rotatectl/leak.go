package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// runLeaked makes passwords worthless. It reads in Vault what has leaked, and asks mail servers itself.
func (r *rotate) runLeaked(cmd *cobra.Command, o *options, ids []string) error {
	if r.stdin {
		var err error
		if ids, err = readIDs(cmd.InOrStdin()); err != nil {
			return err
		}
	}
	cfg, err := o.load()
	if err != nil {
		return err
	}
	if r.grace != 0 && r.grace < cfg.Timing.MinInterval {
		return usageError{fmt.Errorf("--grace %s: two rotations are at least timing.min_interval apart, %s", r.grace, cfg.Timing.MinInterval)}
	}
	d, done, err := ownDesk(cmd, cfg)
	if err != nil {
		return err
	}
	defer done()
	r.wait = true // what is left alive has to be said
	verdicts, err := d.Leaked(cmd.Context(), ids, r.grace, r.request(cmd))
	if err != nil {
		return err
	}
	return r.end(cmd.OutOrStdout(), verdicts...)
}

// maxIDs bounds what is read, in bytes: a million ids.
const maxIDs = 64 << 20

// readIDs reads ids, one a line. Empty lines are left out.
func readIDs(in io.Reader) (ids []string, err error) {
	lines := bufio.NewScanner(io.LimitReader(in, maxIDs))
	for lines.Scan() {
		if id := strings.TrimSpace(lines.Text()); id != "" {
			ids = append(ids, id)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	if len(ids) == 0 {
		return nil, errors.New("standard input names no credential")
	}
	return ids, nil
}
