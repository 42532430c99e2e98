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
	"testing"

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
	if len(ready.Providers) != 5 || len(ready.SMTP) != 3 || len(ready.STARTTLS) != 3 {
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
	port := freeRange(t, 12)
	_, ready := launch(t, "-listen", fmt.Sprintf("127.0.0.1:%d", port))
	for i, got := range []string{
		ready.Admin,
		ready.Providers["alibaba-directmail"],
		ready.Providers["alibaba-domain"],
		ready.Providers["enom"],
		ready.Providers["kirimemail"],
		ready.Providers["tencent-ses"],
		ready.SMTP["alibaba-directmail"],
		ready.STARTTLS["alibaba-directmail"],
		ready.SMTP["kirimemail"],
		ready.STARTTLS["kirimemail"],
		ready.SMTP["tencent-ses"],
		ready.STARTTLS["tencent-ses"],
	} {
		if want := fmt.Sprintf("127.0.0.1:%d", port+i); strings.TrimPrefix(got, "http://") != want {
			t.Errorf("port %d: %s, want %s", i, got, want)
		}
	}
}

// freeRange finds n consecutive ports that are free, outside the range that the system hands out.
func freeRange(t *testing.T, n int) int {
	t.Helper()
	var config net.ListenConfig
next:
	for port := 20000; port < 30000; port += n {
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
