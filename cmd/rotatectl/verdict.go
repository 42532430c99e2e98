package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"keyturn/internal/observe"
	"keyturn/internal/operate"
)

// asking are the flags of a command that asks for something which takes its time.
type asking struct {
	wait    bool
	timeout time.Duration
	format  string
}

func (a *asking) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.wait, "wait", false, "follow it until it ends, and exit with status 1 unless it ended well")
	cmd.Flags().DurationVar(&a.timeout, "timeout", 5*time.Minute, "how long to follow it")
	formatFlag(cmd, &a.format)
}

func formatFlag(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVarP(format, "output", "o", "table", "table or json")
}

func checkFormat(format string) error {
	if format != "table" && format != "json" {
		return usageError{fmt.Errorf("-o %s: want table or json", format)}
	}
	return nil
}

// request is what operate is asked with; what it tells is printed as it happens, unless the output is JSON.
func (a *asking) request(cmd *cobra.Command) operate.Request {
	r := operate.Request{By: requester()}
	if a.wait {
		r.Wait = a.timeout
	}
	if a.format == "table" {
		r.Tell = func(v operate.Verdict) { tell(cmd.OutOrStdout(), v) }
	}
	return r
}

// end prints verdicts as JSON, or nothing more. Its error names those that did not end well.
func (a *asking) end(out io.Writer, verdicts ...operate.Verdict) error {
	if a.format == "json" {
		if err := json.NewEncoder(out).Encode(verdicts); err != nil {
			return err
		}
	}
	var problems []error
	for _, v := range verdicts {
		if v.Good() || !a.wait && !v.Ended() {
			continue
		}
		problems = append(problems, errors.New(problem(v)))
	}
	return errors.Join(problems...)
}

// tell prints news of a request. What went wrong is an error, and stands in the end.
func tell(out io.Writer, v operate.Verdict) {
	text := ""
	switch v.Outcome {
	case operate.Asked:
		text = "requested at " + v.Asked.Format(time.RFC3339Nano)
	case operate.Open:
		text = "waits" + until(v) + ": " + v.Why
	case operate.Rotated:
		text = "rotated after " + v.Took().String()
		if v.Why != "" {
			text += "; " + v.Why
		}
	case operate.Served:
		text = "the rotation did not produce a new password: it has been rotated since for another request, or Redis's clock went back"
	case operate.Works:
		text = "the password works"
	case operate.Retired:
		text = "nothing that is due waits any more"
	case operate.Held:
		text = "what waits to be retired stays for another grace, from now"
	case operate.Dead:
		text = "the old password is refused, " + v.Took().String() + " after the request"
	case operate.Alive:
		if v.Until == nil {
			return
		}
		text = "the leaked password logs in until " + stamp(*v.Until) + ", or a little longer; then it is replaced as well"
	case operate.Released, operate.Abandoned, operate.Adopted, operate.Froze, operate.Unfroze:
		text = string(v.Outcome)
	case operate.Wrong, operate.Unchecked, operate.Stopped, operate.Failed:
		return
	}
	fmt.Fprintf(out, "%s: %s\n", v.Credential, observe.Printable(text))
}

// until says when a request that waits goes on.
func until(v operate.Verdict) string {
	if v.Until == nil {
		return ""
	}
	return " until " + stamp(*v.Until)
}

// problem is a verdict that is not good.
func problem(v operate.Verdict) string {
	text := string(v.Outcome)
	if v.Why != "" {
		text += ": " + v.Why
	}
	switch v.Outcome {
	case operate.Stopped:
		text += fmt.Sprintf(": see `rotatectl explain %s`", v.Credential)
	case operate.Open, operate.Asked:
		text = fmt.Sprintf("still open%s (%s); it goes on without rotatectl", until(v), v.Why)
	case operate.Wrong:
		text = "the password was refused, and a rotation was asked for"
	case operate.Alive:
		text = "the leaked password still logs in: " + v.Why
	case operate.Dead, operate.Rotated, operate.Served, operate.Works, operate.Unchecked, operate.Failed, operate.Released, operate.Abandoned, operate.Adopted,
		operate.Retired, operate.Held, operate.Froze, operate.Unfroze:
	}
	return v.Credential + ": " + observe.Printable(text)
}
