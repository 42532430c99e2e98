package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

func adoptCommand(o *options) *cobra.Command {
	a := &asking{}
	var target string
	cmd := &cobra.Command{
		Use:   "adopt ID",
		Short: "store a password that is live already; it is read from standard input",
		Long: "Adopt stores a password that a person set at the provider, after asking whether it works. It is read from standard\n" +
			"input, never from the command line, where everybody on the machine could see it. Of a pair, --target says which of\n" +
			"the two targets it is of.",
		Args: cobra.ExactArgs(1),
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
			if err := checkFormat(a.format); err != nil {
				return err
			}
			cfg, err := o.knowing(ids[0])
			if err != nil {
				return err
			}
			password, err := readPassword(cmd.InOrStdin(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			d, done, err := ownDesk(cmd, cfg)
			if err != nil {
				return err
			}
			defer done()
			v, err := d.Adopt(cmd.Context(), ids[0], rotation.Live{Password: password, Target: target}, a.request(cmd))
			if err != nil {
				return err
			}
			return a.end(cmd.OutOrStdout(), v)
		}),
	}
	cmd.Flags().StringVar(&target, "target", "", "of a pair, the `TARGET` that the password is of")
	formatFlag(cmd, &a.format)
	return cmd
}

// maxPassword is longer than any provider takes, in bytes.
const maxPassword = 1024

// The errors of what is read as a password: half of one, or one that is not stored as it was given, would be lost.
var (
	errNoPassword   = errors.New("standard input holds no password")
	errLongPassword = fmt.Errorf("the password is longer than %d bytes", maxPassword)
	errBinary       = errors.New("the password is not UTF-8 text")
)

// readPassword takes the first line, without echo on a terminal.
func readPassword(in io.Reader, prompt io.Writer) (secret.Value, error) {
	var text []byte
	var err error
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(prompt, "Password: ")
		text, err = term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(prompt)
	} else {
		text, err = io.ReadAll(io.LimitReader(in, maxPassword+2)) // with the end of its line
	}
	if err != nil {
		return secret.Value{}, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	line = strings.TrimSuffix(line, "\r")
	switch {
	case line == "":
		return secret.Value{}, errNoPassword
	case len(line) > maxPassword:
		return secret.Value{}, errLongPassword
	case !utf8.ValidString(line):
		return secret.Value{}, errBinary
	}
	return secret.New(line), nil
}
