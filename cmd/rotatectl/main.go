// Command rotatectl is the operator's command line of keyturn.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // schedules name time zones, and a container has no zone files

	"github.com/spf13/cobra"

	"keyturn/internal/secret"
)

// The exit statuses.
const (
	exitFailed = 1 // what was asked for did not happen
	exitUsage  = 2 // the command line or the configuration is wrong
)

func main() {
	if err := secret.ForbidCore(); err != nil {
		fmt.Fprintln(os.Stderr, "a crash may leave a core file: "+err.Error())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := root().ExecuteContext(ctx)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	var failed *failedError
	if errors.As(err, &failed) {
		os.Exit(exitFailed)
	}
	os.Exit(exitUsage)
}

// failedError is a failure of what was asked for, not of how it was asked.
type failedError struct{ err error }

func (e *failedError) Error() string { return e.err.Error() }

func (e *failedError) Unwrap() error { return e.err }

// usageError is a mistake on the command line or in the configuration. cobra's own errors are such mistakes too.
type usageError struct{ error }

// runs wraps a command's work, so that its errors are told from those of the command line.
func runs(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := f(cmd, args)
		if usage := (usageError{}); err == nil || errors.As(err, &usage) {
			return err
		}
		return &failedError{err}
	}
}

func root() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:           "rotatectl",
		Short:         "rotate credentials on demand, and see how they are",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.PersistentFlags().StringVarP(&o.config, "config", "c", "keyturn.yaml", "configuration `FILE`")
	cmd.AddCommand(rotateCommand(o), statusCommand(o), planCommand(o), configCommand(o), adoptCommand(o), contactsCommand(o), importCommand(o), explainCommand(o))
	cmd.AddCommand(repairs(o)...)
	return cmd
}
