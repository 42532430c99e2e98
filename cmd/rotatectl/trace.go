package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"keyturn/internal/tracing"
)

// traced begins a trace with a command, or goes on with the one that a pipeline hands over in TRACEPARENT, as
// OpenTelemetry's specification of environment variables has it.
func traced(cmd *cobra.Command, do func() error) error {
	tracer, err := tracing.Open(cmd.Context(), "rotatectl", os.Getenv, slog.New(slog.DiscardHandler))
	if err != nil {
		return usageError{err}
	}
	ctx, span := tracer.Begin(cmd.Context(), tracing.ParseParent(os.Getenv("TRACEPARENT")), tracing.Internal, cmd.CommandPath())
	cmd.SetContext(ctx)
	err = do()
	span.End(err)
	if lost := tracer.Close(ctx); lost != nil {
		warn(lost) // what was asked for is not concerned
	}
	return err
}
