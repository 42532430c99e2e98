package rotationtest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"keyturn/internal/rotation"
)

func testLostIdentity(t *testing.T, x *trial) {
	t.Helper()
	before := x.listed(t)
	x.Strike(t, Mishap{Kind: "lose_reply"})
	_, err := x.mint(t.Context(), t, x.client.Minter, 1)
	x.wantKind(t, err, rotation.InDoubt, 0)
	after := x.listed(t)
	if len(after) != len(before)+1 {
		t.Fatalf("%q are listed, %q were before", after, before)
	}
	for _, id := range after {
		if !slices.Contains(before, id) {
			if err := x.client.Minter.Retire(t.Context(), x.Target, id); err != nil {
				t.Error(err)
			}
		}
	}
	x.minted(t, 2)
}

func testLostMint(t *testing.T, x *trial) {
	t.Helper()
	before := x.Standing(t)
	x.Strike(t, Mishap{Kind: "lose_request"})
	_, err := x.mint(t.Context(), t, x.client.Minter, 1)
	x.wantKind(t, err, rotation.InDoubt, 0)
	if !maps.Equal(before, x.Standing(t)) {
		t.Error("a request that was lost has made an identity")
	}
	x.minted(t, 2)
}

func testMintGarbled(t *testing.T, x *trial) {
	t.Helper()
	for _, m := range []Mishap{{Kind: "html", When: "before"}, {Kind: "html", When: "after"}, {Kind: "empty", When: "after"}, {Kind: "truncated"}, {Kind: "server_error", When: "after"}} {
		x.Strike(t, m)
		before := x.Standing(t)
		_, err := x.mint(t.Context(), t, x.client.Minter, 1)
		x.wantKind(t, err, rotation.InDoubt, 0)
		for id := range x.Standing(t) {
			if before[id] == "" {
				if err := x.client.Minter.Retire(t.Context(), x.Target, id); err != nil {
					t.Error(err)
				}
			}
		}
	}
	for _, m := range []Mishap{{Kind: "html", Reads: true}, {Kind: "truncated", Reads: true}, {Kind: "empty", Reads: true}} {
		x.Strike(t, m)
		ids, err := x.client.Minter.Identities(t.Context(), x.Target, x.owner(), func(context.Context) error { return nil })
		x.wantKind(t, err, rotation.InDoubt, 0)
		if ids != nil {
			t.Errorf("%s: %q", m.Kind, ids)
		}
	}
}

func testMintNotSent(t *testing.T, x *trial) {
	t.Helper()
	settings := x.Settings
	settings.Endpoint = closed
	_, err := x.mint(t.Context(), t, x.open(t, settings).Minter, 1)
	x.wantKind(t, err, rotation.NotSent, x.accepted(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = x.mint(ctx, t, x.client.Minter, 1)
	x.wantKind(t, err, rotation.NotSent, x.accepted(t))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not match context.Canceled", err)
	}
}

func testMintCancelled(t *testing.T, x *trial) {
	t.Helper()
	before := x.accepted(t)
	x.Strike(t, Mishap{Kind: "hold", When: "before"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := x.mint(ctx, t, x.client.Minter, 1)
		done <- err
	}()
	soon(t, "the request arrives", func() bool { return x.Held() == 1 })
	cancel()
	x.wantKind(t, <-done, rotation.InDoubt, 0)
	x.Release()
	soon(t, "the request lands", func() bool { return x.accepted(t) == before+1 })
}

func testRetireInDoubt(t *testing.T, x *trial) {
	t.Helper()
	made := x.minted(t, 1)
	for _, m := range []Mishap{{Kind: "lose_request"}, {Kind: "server_error"}, {Kind: "html", When: "before"}} {
		x.Strike(t, m)
		err := x.client.Minter.Retire(t.Context(), x.Target, made.ID)
		x.checkError(t, err, made.Password)
		x.wantKind(t, err, rotation.InDoubt, 0)
	}
	x.wantLogin(t, made, rotation.Works)
	if err := x.client.Minter.Retire(t.Context(), x.Target, made.ID); err != nil {
		t.Error(err)
	}
}
