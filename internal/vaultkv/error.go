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
	ErrNoActive  = errors.New("no node of the cluster is active: an election is under way, or too few nodes run")
	ErrBehind    = errors.New("a standby has not seen the last write yet: try again")
	ErrStandby   = errors.New("a performance standby answered that it cannot serve this: name an address that leads to the active node")
	ErrSecondary = errors.New("a disaster recovery secondary answered: it serves no requests, name the address of the primary cluster")
	ErrBusy      = errors.New("too many requests: a rate limit quota of Vault")
	// ErrUnclear is a write whose check-and-set did not match after it had gone to more than one node: the version that is
	// there may be the write itself.
	ErrUnclear = errors.New("check-and-set did not match, but the write had been sent before: the first try may have succeeded")
)

// errAnswer is an answer that no Vault with a KV v2 engine gives. What it said is left out on purpose.
var errAnswer = errors.New("not an answer of a KV v2 engine")

// errNoVault is an answer about a server's health that no Vault gives.
var errNoVault = errors.New("not an answer of Vault: another server is at that address")

// Error is a call to Vault that did not do what it should. For a write it means that the outcome is unknown, unless it
// wraps rotation.ErrStale.
type Error struct {
	Store  string // name in the configuration
	Op     string // "read", "write", "list", "log in"
	Path   string // below /v1/; holds names, never values
	Status int    // HTTP status, 0 where there was no answer
	Err    error  // what it means

	remedy remedy
}

func (e *Error) Error() string {
	text := fmt.Sprintf("vault store %q: %s %s", e.Store, e.Op, e.Path)
	if e.Status != 0 {
		text += fmt.Sprintf(": HTTP %d", e.Status)
	}
	return text + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// remedy says what helps against a refusal.
type remedy int

const (
	final      remedy = iota // another answer is not to be expected soon
	aMoment                  // nothing was done; a moment, or another node, may help
	anElection               // nothing was done; the cluster may be choosing its active node
	inDoubt                  // as anElection, but a standby may have passed it on before it found out
	readOnly                 // what was done is unknown: a read may be sent again
)

// meaning is what one refusal means.
type meaning struct {
	status int
	words  string // of Vault's text
	err    error
	remedy remedy
}

// meanings explains the refusals that have a cause of their own; the first one that fits counts.
var meanings = []meaning{
	{http.StatusBadRequest, "check-and-set parameter did not match", rotation.ErrStale, final},
	{http.StatusBadRequest, "upgrading from non-versioned", ErrStarting, anElection},
	{http.StatusForbidden, "", ErrForbidden, final},
	{http.StatusNotFound, "no handler for route", ErrNoMount, final},
	{http.StatusPreconditionFailed, "index state", ErrBehind, anElection},
	{http.StatusPreconditionFailed, "", ErrBehind, readOnly},
	{http.StatusTooManyRequests, "", ErrBusy, readOnly}, // Vault's own says until when: see again
	{472, "", ErrSecondary, aMoment},
	{473, "", ErrStandby, aMoment},
	{http.StatusInternalServerError, "local node not active but active cluster node not found", ErrNoActive, inDoubt},
	{http.StatusServiceUnavailable, "no active Vault instance found", ErrNoActive, inDoubt},
	{http.StatusServiceUnavailable, "node is not active", ErrNoActive, inDoubt},
	{http.StatusServiceUnavailable, "sealed", ErrSealed, aMoment},
}

func meaningOf(refused *api.ResponseError) meaning {
	text := strings.Join(refused.Errors, " ")
	for _, m := range meanings {
		if m.status == refused.StatusCode && strings.Contains(text, m.words) {
			return m
		}
	}
	m := meaning{status: refused.StatusCode, err: errAnswer}
	if text := http.StatusText(refused.StatusCode); text != "" {
		m.err = errors.New(strings.ToLower(text))
	}
	if refused.StatusCode >= http.StatusInternalServerError {
		m.remedy = readOnly
	}
	return m
}

// explain makes an *Error of what the client returned. Only statuses and words of our own get into it: a client's
// error carries the answer's body.
func explain(store, op, path string, err error) error {
	if err == nil {
		return nil
	}
	return newError(store, op, path, err)
}

func newError(store, op, path string, err error) *Error {
	var done *Error
	if errors.As(err, &done) {
		return done
	}
	e := &Error{Store: store, Op: op, Path: path, Err: err}
	var refused *api.ResponseError
	if errors.As(err, &refused) {
		m := meaningOf(refused)
		e.Status, e.Err, e.remedy = refused.StatusCode, m.err, m.remedy
		if op == opLogin && (refused.StatusCode == http.StatusBadRequest || refused.StatusCode == http.StatusForbidden) {
			e.Err, e.remedy = ErrLogin, final
		}
	}
	var sent *url.Error
	if errors.As(err, &sent) {
		e.Err, e.remedy = sent.Err, readOnly // without the URL
		var strayed *redirectError
		if errors.As(err, &strayed) {
			e.remedy = final
		}
	}
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &mismatch) {
		e.Err = errAnswer
	}
	return e
}

// isForbidden reports whether Vault refused for want of rights, before it did anything.
func isForbidden(err error) bool {
	var refused *api.ResponseError
	return errors.As(err, &refused) && refused.StatusCode == http.StatusForbidden
}
