package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keyturn/internal/observe"
	"keyturn/internal/operate"
)

// runAll rotates every credential of an account.
func (r *rotate) runAll(cmd *cobra.Command, o *options) error {
	marks, err := r.marks()
	if err != nil {
		return err
	}
	cfg, err := o.selecting(operate.Query{Accounts: []string{r.account}, Marks: marks, After: r.after})
	if err != nil {
		return err
	}
	d, done, err := redisDesk(cmd, cfg)
	if err != nil {
		return err
	}
	defer done()
	out := cmd.OutOrStdout()
	if r.format == "json" {
		out = cmd.ErrOrStderr() // the estimate and the question are for people
	}
	request := operate.BulkRequest{Account: r.account, Marks: marks, After: r.after, By: requester(), Wait: r.wait, Idle: r.timeout}
	e, err := d.Estimate(cmd.Context(), request)
	if err != nil {
		return err
	}
	if err := printEstimate(out, e); err != nil {
		return err
	}
	if e.Credentials > 0 && e.Surprises() && !r.yes {
		if err := consent(cmd.InOrStdin(), out, e); err != nil {
			return err
		}
	}
	bar := newBar(e.Credentials, "rotating", true)
	defer bar.Clear()                                               //nolint:errcheck // what it showed is over
	request.Tell = func(b operate.Bulk) { _ = bar.Set(r.moved(b)) } // a terminal that is gone must not end the work
	b, err := d.RotateAll(cmd.Context(), request)
	_ = bar.Clear()
	return errors.Join(r.printBulk(cmd.OutOrStdout(), b), r.missing(b, err))
}

// moved is how far a bulk has come: of what has ended if it waits, else of what was asked for.
func (r *rotate) moved(b operate.Bulk) int {
	if r.wait {
		return b.Rotated + b.Failed
	}
	return b.Asked
}

// printBulk says what became of a bulk.
func (r *rotate) printBulk(out io.Writer, b operate.Bulk) error {
	if r.format == "json" {
		return json.NewEncoder(out).Encode(b)
	}
	if b.Credentials == 0 {
		return nil // the estimate said it
	}
	text := fmt.Sprintf("%d of %d asked for, %d rotated so far", b.Asked, b.Credentials, b.Rotated)
	if r.wait {
		text = fmt.Sprintf("%d of %d rotated in %s", b.Rotated, b.Credentials, about(seconds(b.Seconds)))
	}
	if b.Failed > 0 {
		text += fmt.Sprintf(", %d not", b.Failed)
	}
	_, err := fmt.Fprintf(out, "%s: %s\n", b.Account, text)
	return err
}

// missing is the error of a bulk that ended because of cause: what is missing, and where to go on; nil if nothing is.
func (r *rotate) missing(b operate.Bulk, cause error) error {
	if cause == nil && !r.wait {
		return nil // what failed already is summed up
	}
	var lines []error
	if cause != nil {
		lines = append(lines, fmt.Errorf("%s: %w", b.Account, cause))
	}
	for _, v := range b.Failures {
		why := observe.Printable(v.Why)
		if v.Outcome == operate.Stopped {
			why = fmt.Sprintf("quarantined: see `rotatectl status %s`", v.Credential)
		}
		lines = append(lines, fmt.Errorf("%s: %s", v.Credential, why))
	}
	if more := b.Failed - len(b.Failures); more > 0 {
		lines = append(lines, fmt.Errorf("and %d more that were not rotated", more))
	}
	if b.Open > 0 {
		lines = append(lines, fmt.Errorf("%d are still open, %s among them; what was asked for goes on without rotatectl", b.Open, b.Waits))
	}
	if n := b.Credentials - b.Asked; n > 0 {
		more := fmt.Sprintf("%d were not asked for: `rotatectl rotate --all --account %s%s", n, b.Account, r.again())
		if b.Last != "" {
			more += " --after " + b.Last
		}
		lines = append(lines, errors.New(more+"` goes on there"))
	}
	return errors.Join(lines...)
}

func printEstimate(out io.Writer, e operate.Estimate) error {
	if e.Credentials == 0 {
		_, err := fmt.Fprintf(out, "%s: there is nothing to rotate\n", e.Account)
		return err
	}
	fmt.Fprintf(out, "%s: %d credentials, %s at %s\n", e.Account, e.Credentials, about(seconds(e.Seconds)), perUnit(e.PerSecond))
	line := func(what, format string, args ...any) {
		fmt.Fprintf(out, "  %-11s%s\n", what, observe.Printable(fmt.Sprintf(format, args...)))
	}
	line("rate", "%s calls, %s for each rotation; a tenth is left to other work", perUnit(e.CallsPerSecond), digits(e.CallsPerRotation))
	line("queue", "%d urgent jobs wait or run and go first, and %d others", e.Urgent, e.Others)
	switch {
	case !e.IndexBuilt:
		line("waiting", "not known, because the index is not built: no scheduler has run yet")
	case e.NeverRotated > 0:
		line("waiting", "%d were never rotated: their programs must read from Vault by now", e.NeverRotated)
		line("", "%s", neverRotated(e))
	}
	if e.Quarantined > 0 {
		line("quarantine", "%d at this account, which will not be rotated", e.Quarantined)
	}
	if e.Frozen > 0 {
		line("frozen", "%d, which will not be rotated: thaw them, or name them with --force", e.Frozen)
	}
	if b := e.Breaker; b != nil {
		line("breaker", "open since %s: %s", stamp(b.Since), b.Cause)
	}
	return nil
}

// neverRotated names the first of those that were never rotated.
func neverRotated(e operate.Estimate) string {
	text := strings.Join(e.Never, ", ")
	if more := e.NeverRotated - len(e.Never); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

var errNoConsent = errors.New("nothing was asked for: confirm with yes, or give --yes")

func consent(in io.Reader, out io.Writer, e operate.Estimate) error {
	fmt.Fprintf(out, "Rotate %d credentials? Type yes: ", e.Credentials)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if answer != "yes\n" && answer != "yes" {
		return errNoConsent
	}
	return nil
}
