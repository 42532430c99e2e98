package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// options is what the command line and the environment of `vault server` say.
type options struct {
	listen    string   // host:port; port 0 picks a free one
	token     string   // root token; empty generates one
	tokenFile string   // holds the root token, and is written if it does not exist
	dir       string   // file storage; empty keeps everything in memory
	cluster   *cluster // in place of dir: one node of several; nil for a single server
	sealed    bool     // leave initialising and unsealing to the API's caller
	mounts    []mount  // key/value engines made at start
	auths     []string
	readyJSON bool
	logLevel  string
}

// mount is a key/value engine: its path without slashes, and its version, 1 or 2.
type mount struct {
	path    string
	version string
}

// parseOptions reads `vault server`'s arguments. A flag wins over its environment variable.
func parseOptions(args []string, getenv func(string) string, stderr io.Writer) (options, error) {
	env := func(key, otherwise string) string {
		if v := getenv(key); v != "" {
			return v
		}
		return otherwise
	}
	flags := flag.NewFlagSet("vault server", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dev := flags.Bool("dev", false, "development server, unsealed at start")
	config := flags.String("config", "", "instead of -dev: JSON `file` with a file or raft storage and a tcp listener")
	// Ours never writes ~/.vault-token; the flag exists so that the official command line is accepted.
	flags.Bool("dev-no-store-token", true, "accepted; the token is never stored in the home folder")
	listen := flags.String("dev-listen-address", env("VAULT_DEV_LISTEN_ADDRESS", "127.0.0.1:8200"),
		"`HOST:PORT` to listen on, port 0 for a free one; VAULT_DEV_LISTEN_ADDRESS")
	// The token of the environment is no flag default, because -h prints defaults.
	token := flags.String("dev-root-token-id", "", "root `token`; VAULT_DEV_ROOT_TOKEN_ID")
	tokenFile := flags.String("root-token-file", "", "`file` with the root token; written if it does not exist")
	storage := flags.String("storage", "inmem", "inmem, or file:`DIR`, which survives SIGKILL")
	mounts := flags.String("mounts", "secret", "key/value engines to mount, `NAME[:VERSION],…`; version 2 unless told otherwise")
	auths := flags.String("auth", "", "auth methods to enable: approle, kubernetes, or both with a comma")
	readyJSON := flags.Bool("ready-json", false, "when ready, print one line of JSON with the address, and nothing else")
	logLevel := flags.String("log-level", env("VAULT_LOG_LEVEL", "warn"), "trace, debug, info, warn or error; VAULT_LOG_LEVEL")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *dev == (*config != "") {
		return options{}, errors.New("want either -dev or -config")
	}
	if hclog.LevelFromString(*logLevel) == hclog.NoLevel {
		return options{}, fmt.Errorf("-log-level %q: want trace, debug, info, warn or error", *logLevel)
	}

	if *config != "" {
		opts, err := readConfig(*config)
		opts.readyJSON, opts.logLevel = *readyJSON, *logLevel
		return opts, err
	}
	opts := options{
		listen: *listen, token: *token, tokenFile: *tokenFile,
		auths: splitList(*auths), readyJSON: *readyJSON, logLevel: *logLevel,
	}
	if opts.token == "" {
		opts.token = getenv("VAULT_DEV_ROOT_TOKEN_ID")
	}
	var err error
	if opts.dir, err = parseStorage(*storage); err != nil {
		return options{}, err
	}
	if opts.mounts, err = parseMounts(*mounts); err != nil {
		return options{}, err
	}
	return opts, opts.readToken()
}

// readToken takes the root token from its file, where there is one.
func (o *options) readToken() error {
	if o.tokenFile == "" {
		return nil
	}
	data, err := os.ReadFile(o.tokenFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("root token: %w", err)
	}
	if o.token = strings.TrimSpace(string(data)); o.token == "" {
		return fmt.Errorf("root token: %s is empty", o.tokenFile)
	}
	return nil
}

// parseStorage returns the folder of file storage, or "" for memory.
func parseStorage(s string) (dir string, err error) {
	if s == "inmem" {
		return "", nil
	}
	dir, ok := strings.CutPrefix(s, "file:")
	if !ok || dir == "" {
		return "", fmt.Errorf("-storage %q: want inmem or file:DIR", s)
	}
	return dir, nil
}

func parseMounts(s string) ([]mount, error) {
	var mounts []mount
	for _, item := range splitList(s) {
		path, version, found := strings.Cut(item, ":")
		if !found {
			version = "2"
		}
		path = strings.Trim(path, "/")
		if path == "" || (version != "1" && version != "2") {
			return nil, fmt.Errorf("-mounts %q: want NAME, NAME:1 or NAME:2", item)
		}
		mounts = append(mounts, mount{path: path, version: version})
	}
	return mounts, nil
}

// splitList splits at commas; an empty string is an empty list.
func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}
