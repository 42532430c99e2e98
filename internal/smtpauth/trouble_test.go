package smtpauth

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"keyturn/internal/rotation"
)

func TestAQuestionWithoutAnAnswerSaysWhetherTheServerIsAway(t *testing.T) {
	t.Parallel()
	broken := &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
	at := func(step string, err error) error {
		return &probeError{addr: "mail.example.com:465", step: step, err: err}
	}
	for _, tt := range []struct {
		name string
		err  error
		want Trouble
	}{
		{"an answer", nil, NoTrouble},
		{"no probe", &rotation.WaitError{Reason: "spent"}, NoTrouble},
		{"no connection", at(stepConnect, errors.New("no route")), Away},
		{"no answer in time", at(stepAuth, context.DeadlineExceeded), Away},
		{"an end before the greeting", at(stepGreeting, io.EOF), Away},
		{"an end within a line", at(stepGreet, io.ErrUnexpectedEOF), Away},
		{"a broken connection", at(stepAuth, broken), Away},
		{"a handshake that the server refuses", at(stepTLS, broken), NoTrouble},
		{"a certificate of another authority", at(stepTLS, errors.New("unknown authority")), NoTrouble},
		{"no STARTTLS", at(stepSTARTTLS, ErrNoSTARTTLS), NoTrouble},
		{"no sense", at(stepAuth, errMalformed), NoTrouble},
		{"a reply", at(stepAuth, unexpected{reply{code: 454}}), Busy},
	} {
		if got := troubleOf(t.Context(), tt.err); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if got := troubleOf(over, at(stepConnect, context.Canceled)); got != NoTrouble {
		t.Errorf("the run is over: %d, want %d", got, NoTrouble)
	}
}

func TestAReplySaysWhetherTheServerWantsToBeLeftAlone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		step string
		code int
		want Trouble
	}{
		{stepAuth, 421, Busy},
		{stepAuth, passwordTransition, NoTrouble},
		{stepAuth, 450, Busy},
		{stepAuth, 454, Busy},
		{stepAuth, 500, NoTrouble},
		{stepAuth, 521, Busy},
		{stepAuth, 534, NoTrouble},
		{stepAuth, 554, Busy},
		{stepSTARTTLS, 502, NoTrouble},
		{stepGreeting, 550, Busy},
		{stepGreet, 550, Busy},
	} {
		if got := troubleIn(tt.step, tt.code); got != tt.want {
			t.Errorf("%d at %s: %d, want %d", tt.code, tt.step, got, tt.want)
		}
	}
}
