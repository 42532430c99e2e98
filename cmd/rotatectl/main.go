// Command rotatectl is the operator's command line of keyturn.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // schedules name time zones, and a container has no zone files

	"github.com/spf13/cobra"

	"keyturn/internal/observe"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/secret"
	"keyturn/internal/version"
)

// The exit statuses.
const (
	exitFailed = 1 // what was asked for did not happen
	exitUsage  = 2 // the command line or the configuration is wrong; of doctor: something that it names is
)

// statuses are the same as in docs/rotatectl.md.
const statuses = `Exit status:
  0  done
  1  the request was not carried out
  2  the command line or the configuration is wrong; nothing was tried`

func main() {
	stdout, stderr := observe.NewPrintable(os.Stdout), observe.NewPrintable(os.Stderr)
	if err := secret.ForbidCore(); err != nil {
		fmt.Fprintln(stderr, "a crash may leave a core file: "+err.Error())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	queue.LogClient(slog.New(slog.DiscardHandler)) // each of its failures is an error that is printed
	cmd := root()
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return
	}
	for _, line := range lines(err) {
		fmt.Fprintln(stderr, line)
	}
	var failed *failedError
	if errors.As(err, &failed) {
		os.Exit(exitFailed)
	}
	os.Exit(exitUsage)
}

// lines are the errors that err joins, each on a line of its own. A line end within one could be a text from outside
// that forges a line: what follows it is indented.
func lines(err error) []string {
	inner := errors.Unwrap(err)
	for inner != nil && inner.Error() == err.Error() {
		err, inner = inner, errors.Unwrap(inner)
	}
	var all []string
	rest := err.Error()
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		if after, found := strings.CutPrefix(rest, errors.Join(joined.Unwrap()...).Error()); found {
			for _, e := range joined.Unwrap() {
				all = append(all, lines(e)...)
			}
			if rest = strings.TrimPrefix(after, "\n"); rest == "" {
				return all
			}
		}
	}
	return append(all, strings.ReplaceAll(rest, "\n", "\n  "))
}

// failedError is a failure of what was asked for, not of how it was asked.
type failedError struct{ err error }

func (e *failedError) Error() string { return e.err.Error() }

func (e *failedError) Unwrap() error { return e.err }

// usageError is a mistake on the command line or in the configuration. cobra's own errors are such mistakes too.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// runs wraps a command's work, so that its errors are told from those of the command line.
func runs(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := traced(cmd, func() error { return f(cmd, args) })
		var failed *failedError
		if usage := (usageError{}); err == nil || errors.As(err, &usage) || errors.As(err, &failed) {
			return err
		}
		if kind := operate.KindOf(err); kind == operate.Invalid || kind == operate.Absent {
			return usageError{err}
		}
		return &failedError{err}
	}
}

func root() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:           "rotatectl",
		Short:         "rotate credentials on demand, and see how they are",
		Long:          "rotatectl rotates credentials on demand, and shows how they are.\n\n" + statuses,
		Version:       version.Read().String(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	cmd.PersistentFlags().StringVarP(&o.config, "config", "c", "keyturn.yaml", "configuration `FILE`")
	cmd.AddCommand(rotateCommand(o), statusCommand(o), planCommand(o), configCommand(o), adoptCommand(o), contactsCommand(o), keysCommand(o), importCommand(o), explainCommand(o), unpauseCommand(o),
		whichCommand(o), eventsCommand(o), providerCommand(o), freezeCommand(o), thawCommand(o), reportCommand(o), doctorCommand(o), deliveriesCommand(o), initCommand(o))
	cmd.AddCommand(repairs(o)...)
	illustrate(cmd)
	return cmd
}
