package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"keyturn/internal/sandbox"
	"keyturn/internal/sandbox/core"
)

// launch runs the command and returns its ready line. It ends with the test.
func launch(t *testing.T, args ...string) (line string, ready core.Ready) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, stdout := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, args, stdout, io.Discard)
		_ = stdout.CloseWithError(err)
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(line), &ready); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return line, ready
}

func TestPrintsOneLineOfJSONWhenItIsReady(t *testing.T) {
	t.Parallel()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	_, ready := launch(t, "-listen", "127.0.0.1:0", "-ca-out", ca)
	if n := len(sandbox.StandIns()); len(ready.Providers) != n || len(ready.SMTP) == 0 || len(ready.STARTTLS) != len(ready.SMTP) {
		t.Errorf("%+v", ready)
	}
	if err := run(t.Context(), []string{"-health", "-listen", strings.TrimPrefix(ready.Admin, "http://")}, io.Discard, io.Discard); err != nil {
		t.Errorf("-health: %v", err)
	}
	if pem, err := os.ReadFile(ca); err != nil || !strings.HasPrefix(string(pem), "-----BEGIN CERTIFICATE-----") {
		t.Errorf("-ca-out: %v %s", err, pem)
	}
}

// TestAFixedPortTakesTheDocumentedOnes keeps the table of docs/sandbox.md.
func TestAFixedPortTakesTheDocumentedOnes(t *testing.T) {
	t.Parallel()
	want := map[string]int{"admin": 0}
	last := 0
	for _, s := range sandbox.StandIns() {
		want["api "+s.Code], last = s.Ports.API, max(last, s.Ports.API, s.Ports.SMTP+1)
		if s.Names != nil {
			want["smtp "+s.Code], want["starttls "+s.Code] = s.Ports.SMTP, s.Ports.SMTP+1
		}
	}
	port := freeRange(t, last+1)
	_, ready := launch(t, "-listen", fmt.Sprintf("127.0.0.1:%d", port))
	got := map[string]string{"admin": ready.Admin}
	for kind, all := range map[string]map[string]string{"api ": ready.Providers, "smtp ": ready.SMTP, "starttls ": ready.STARTTLS} {
		for code, address := range all {
			got[kind+code] = address
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d addresses, want %d", len(got), len(want))
	}
	for name, distance := range want {
		if want := fmt.Sprintf("127.0.0.1:%d", port+distance); strings.TrimPrefix(got[name], "http://") != want {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}
}

// ranges is how many were asked for.
var ranges atomic.Int32

// freeRange finds n consecutive ports that are free, outside the range that the system hands out.
func freeRange(t *testing.T, n int) int {
	t.Helper()
	var config net.ListenConfig
	const apart = 1000 // tests run side by side, and none has begun to listen when the next one looks
next:
	for port := 20000 + apart*int(ranges.Add(1)); port < 32000; port += n {
		for p := port; p < port+n; p++ {
			l, err := config.Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", p))
			if err != nil {
				continue next
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return port
	}
	t.Fatal("no free ports")
	return 0
}

func TestHealthFailsWhereNothingListens(t *testing.T) {
	t.Parallel()
	if err := run(t.Context(), []string{"-health", "-listen", "127.0.0.1:1"}, io.Discard, io.Discard); err == nil {
		t.Error("healthy")
	}
}

func TestBadFlagsAreNamed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"-rate", "enom=fast"}, `rate "fast"`},
		{[]string{"-listen", "127.0.0.1:0", "-rate", "gmail=1/s"}, `provider "gmail" is unknown`},
		{[]string{"-listen", "0.0.0.0:0"}, "not loopback"},
		{[]string{"-listen", "127.0.0.1"}, "missing port"},
		{[]string{"-data", "/nonexistent/data.yaml"}, "/nonexistent/data.yaml"},
		{[]string{"now"}, `unexpected argument "now"`},
	} {
		err := run(t.Context(), test.args, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v", test.args, err)
		}
	}
	if err := run(t.Context(), []string{"-h"}, io.Discard, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}
