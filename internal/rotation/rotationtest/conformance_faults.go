package rotationtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"keyturn/internal/rotation"
)

// testLostReply: the call was carried out and its caller does not know. Another process sends the same candidate. The
// call before leaves a connection behind: one that breaks must not make anything beneath us send again.
func testLostReply(t *testing.T, x *trial) {
	t.Helper()
	x.change(t)
	x.Strike(t, Mishap{Kind: "lose_reply"})
	password := x.fresh(t)
	_, err := x.send(t.Context(), t, x.client, x.Target, password)
	x.wantKind(t, err, rotation.InDoubt, 1)
	if x.client.Issuer != nil {
		if x.accepted(t) != 2 {
			t.Fatalf("one call made %d passwords", x.accepted(t)-1)
		}
		x.wantLive(t, x.change(t).Password, 3)
		return
	}
	x.wantLive(t, password, 2)

	_, err = x.send(t.Context(), t, x.open(t, x.Settings), x.Target, password)
	if x.tells(rotation.Repeat) {
		x.wantKind(t, err, rotation.Repeat, 2)
		x.wantLive(t, password, 2)
		return
	}
	if err != nil {
		t.Errorf("the resumed candidate: %v, want it accepted", err)
	}
	x.wantLive(t, password, 3)
}

// testLostRequest: nothing was carried out and its caller does not know that either.
func testLostRequest(t *testing.T, x *trial) {
	t.Helper()
	first := x.change(t)
	x.Strike(t, Mishap{Kind: "lose_request"})
	password := x.fresh(t)
	_, err := x.send(t.Context(), t, x.client, x.Target, password)
	x.wantKind(t, err, rotation.InDoubt, 1)
	x.wantLive(t, first.Password, 1)

	issued, err := x.send(t.Context(), t, x.open(t, x.Settings), x.Target, password)
	if err != nil {
		t.Errorf("the resumed candidate: %v, want it accepted", err)
	}
	x.wantLive(t, issued.Password, 2)
}

func testGarbled(t *testing.T, x *trial) {
	t.Helper()
	mishaps := []Mishap{
		{Kind: "html", When: "before"},
		{Kind: "html", When: "after"},
		{Kind: "empty", When: "before"},
		{Kind: "empty", When: "after"},
		{Kind: "truncated"},
		{Kind: "server_error", When: "after"},
	}
	for _, m := range append(mishaps, x.Garbled...) {
		t.Logf("%s %s", m.Kind, m.When) // shown where it fails
		x.Strike(t, m)
		before := x.accepted(t)
		issued, err := x.send(t.Context(), t, x.client, x.Target, x.fresh(t))
		if err == nil && m.Kind == "truncated" && x.client.Issuer != nil && !issued.Synced {
			x.wantLive(t, issued.Password, before+1) // what arrived shows all of it: it is kept, and has to be proven
			continue
		}
		x.wantKind(t, err, rotation.InDoubt, before)
		done := 1
		if m.When == "before" {
			done = 0
		}
		if n := x.accepted(t) - before; n != done {
			t.Errorf("%s %s: one call made %d changes, want %d", m.Kind, m.When, n, done)
		}
	}
}

// testCharset: eNom has been seen to say UTF-16 over plain ASCII. The bytes are the answer, not what is said of them.
func testCharset(t *testing.T, x *trial) {
	t.Helper()
	x.Strike(t, Mishap{Kind: "wrong_charset"})
	x.wantLive(t, x.change(t).Password, 1)
}

// closed is an address of this machine at which nothing listens.
const closed = "http://127.0.0.1:1"

func testNotSent(t *testing.T, x *trial) {
	t.Helper()
	settings := x.Settings
	settings.Endpoint = closed
	_, err := x.send(t.Context(), t, x.open(t, settings), x.Target, x.fresh(t))
	x.wantKind(t, err, rotation.NotSent, 0)
}

func testCancelledBefore(t *testing.T, x *trial) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := x.send(ctx, t, x.client, x.Target, x.fresh(t))
	x.wantKind(t, err, rotation.NotSent, 0)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not match context.Canceled", err)
	}
}

// held sends a password whose reply is held, cancels once the stand-in has the request, and returns what came of it.
func (x *trial) held(t *testing.T, when string) (rotation.Issued, error) {
	t.Helper()
	x.Strike(t, Mishap{Kind: "hold", When: when})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	type outcome struct {
		issued rotation.Issued
		err    error
	}
	done := make(chan outcome, 1)
	password := x.fresh(t)
	go func() {
		issued, err := x.send(ctx, t, x.client, x.Target, password)
		done <- outcome{issued, err}
	}()
	soon(t, "the request arrives", func() bool { return x.Held() == 1 })
	cancel()
	o := <-done
	return o.issued, o.err
}

func testCancelledDuring(t *testing.T, x *trial) {
	t.Helper()
	issued, err := x.held(t, "after")
	x.wantKind(t, err, rotation.InDoubt, 0)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not match context.Canceled", err)
	}
	if x.client.Setter != nil {
		x.wantLive(t, issued.Password, 1)
	}
}

// testLateWrite is why a cancelled call is in doubt: nothing stops a request that is on its way.
func testLateWrite(t *testing.T, x *trial) {
	t.Helper()
	issued, err := x.held(t, "before")
	x.wantKind(t, err, rotation.InDoubt, 0)
	if n := x.accepted(t); n != 0 {
		t.Fatalf("%d passwords were accepted while the request was held", n)
	}
	x.Release()
	soon(t, "the request lands", func() bool { return x.accepted(t) == 1 })
	if x.client.Setter != nil {
		x.wantLive(t, issued.Password, 1)
	}
}

func testSlowReply(t *testing.T, x *trial) {
	t.Helper()
	settings := x.Settings
	settings.Timeout = 500 * time.Millisecond
	x.Strike(t, Mishap{Kind: "hold"})
	_, err := x.send(t.Context(), t, x.open(t, settings), x.Target, x.fresh(t))
	x.wantKind(t, err, rotation.InDoubt, 0)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v does not match context.DeadlineExceeded", err)
	}
}
