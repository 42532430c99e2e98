package vaultkv

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/hashicorp/vault/api"

	"keyturn/internal/rotation"
)

// What Vault's refusals mean. An *Error wraps one of them, or rotation.ErrStale.
var (
	ErrSealed    = errors.New("Vault is sealed: unseal it, nothing works until then")
	ErrForbidden = errors.New("permission denied: the token has expired, or its policy lacks a right")
	ErrLogin     = errors.New("login refused: the role, or what it logs in with, is not accepted")
	ErrNoMount   = errors.New("nothing is mounted there")
	ErrStarting  = errors.New("the key/value engine is still starting: try again")
)

// errAnswer is an answer that no Vault with a KV v2 engine gives. What it said is left out on purpose.
var errAnswer = errors.New("not an answer of a KV v2 engine")

// Error is a call to Vault that did not do what it should. For a write it means that the outcome is unknown, unless it
// wraps rotation.ErrStale.
type Error struct {
	Store  string // name in the configuration
	Op     string // "read", "write", "list", "log in"
	Path   string // below /v1/; holds names, never values
	Status int    // HTTP status, 0 where there was no answer
	Err    error  // what it means
}

func (e *Error) Error() string {
	text := fmt.Sprintf("vault store %q: %s %s", e.Store, e.Op, e.Path)
	if e.Status != 0 {
		text += fmt.Sprintf(": HTTP %d", e.Status)
	}
	return text + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// meanings explains the refusals that have a cause of their own: by status, and by words of Vault's text.
var meanings = []struct {
	status int
	words  string
	err    error
}{
	{http.StatusBadRequest, "check-and-set parameter did not match", rotation.ErrStale},
	{http.StatusBadRequest, "upgrading from non-versioned", ErrStarting},
	{http.StatusForbidden, "", ErrForbidden},
	{http.StatusNotFound, "no handler for route", ErrNoMount},
	{http.StatusServiceUnavailable, "sealed", ErrSealed},
}

// explain makes an *Error of what the client returned. Only statuses and words of our own get into it: a client's
// error carries the answer's body.
func explain(store, op, path string, err error) error {
	var done *Error
	if err == nil || errors.As(err, &done) {
		return err
	}
	e := &Error{Store: store, Op: op, Path: path, Err: err}
	var refused *api.ResponseError
	if errors.As(err, &refused) {
		e.Status, e.Err = refused.StatusCode, meaning(op, refused)
	}
	var sent *url.Error
	if errors.As(err, &sent) {
		e.Err = sent.Err // without the URL
	}
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &mismatch) {
		e.Err = errAnswer
	}
	return e
}

func meaning(op string, refused *api.ResponseError) error {
	if op == opLogin && (refused.StatusCode == http.StatusBadRequest || refused.StatusCode == http.StatusForbidden) {
		return ErrLogin
	}
	text := strings.Join(refused.Errors, " ")
	for _, m := range meanings {
		if m.status == refused.StatusCode && strings.Contains(text, m.words) {
			return m.err
		}
	}
	if text := http.StatusText(refused.StatusCode); text != "" {
		return errors.New(strings.ToLower(text))
	}
	return errAnswer
}

// isForbidden reports whether Vault refused for want of rights, before it did anything.
func isForbidden(err error) bool {
	var refused *api.ResponseError
	return errors.As(err, &refused) && refused.StatusCode == http.StatusForbidden
}
