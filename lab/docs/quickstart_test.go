package docs

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"keyturn/internal/devenv"
)

// steps are the examples of a page that are to be typed, and what the page says that each shows, or "".
func steps(page string) (examples, shows []string) {
	_, blocks := split(page)
	for _, b := range blocks {
		switch {
		case b.kind == "sh":
			examples, shows = append(examples, b.text), append(shows, "")
		case b.kind == "text" && len(shows) > 0:
			shows[len(shows)-1] += b.text
		}
	}
	return examples, shows
}

// sandboxPorts is how many ports from its first one a sandbox may have.
const sandboxPorts = 64

// freeRange is the first of so many ports that no process has at this moment.
func freeRange(t *testing.T, many int) int {
	t.Helper()
next:
	for range 50 {
		first := freePort(t)
		for port := first; port < first+many; port++ {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", loopback(port))
			if err != nil {
				continue next
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return first
	}
	t.Fatal("no free range of ports")
	return 0
}

var address = regexp.MustCompile(`127\.0\.0\.1:(\d+)|--port (\d+)`)

// TestTheQuickStartRotatesACredential types what the page says. Only the ports are others: those of the page may be taken.
func TestTheQuickStartRotatesACredential(t *testing.T) {
	t.Parallel()
	built := t.TempDir()
	if err := devenv.Build(t.Context(), built, "./cmd/worker", "./cmd/scheduler", "./cmd/rotatectl", "./cmd/sandbox"); err != nil {
		t.Fatal(err)
	}
	examples, shows := steps(pages(t)["docs/quickstart.md"])
	if len(examples) < 8 {
		t.Fatalf("%d examples", len(examples))
	}
	for tries := 1; ; tries++ {
		r, own := newcomer(t, built, examples)
		shown, err := r.try(t, own)
		if err != nil && tries < 3 && r.outrun(t) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range shown {
			compare(t, shows[i], shown[i])
		}
		return
	}
}

// newcomer is a reader with programs that were built, and the examples with ports that are free.
func newcomer(t *testing.T, built string, examples []string) (r *reader, own []string) {
	t.Helper()
	const servers = 4 // Redis, Vault, a worker and a scheduler
	sandbox := freeRange(t, sandboxPorts+servers)
	first := sandbox + sandboxPorts
	ports := map[int]int{6380: first, 8200: first + 1}
	r = newReader(t, ports[8200])
	for _, name := range []string{"worker", "scheduler", "rotatectl", "sandbox"} {
		if err := os.Symlink(filepath.Join(built, name), filepath.Join(r.bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	r.listen(t, "sandbox", "-listen "+loopback(sandbox))
	r.listen(t, "worker", "-listen "+loopback(first+2))
	r.listen(t, "scheduler", "-listen "+loopback(first+3))
	own = slices.Clone(examples)
	for i, example := range own {
		own[i] = address.ReplaceAllStringFunc(example, func(found string) string {
			named := found[strings.LastIndexAny(found, ": ")+1:]
			port, err := strconv.Atoi(named)
			if err != nil {
				t.Fatal(err)
			}
			if port >= 7500 && port < 7500+sandboxPorts {
				port += sandbox - 7500
			} else if ports[port] != 0 {
				port = ports[port]
			} else {
				t.Errorf("no port stands for %d", port)
			}
			return strings.TrimSuffix(found, named) + strconv.Itoa(port)
		})
	}
	return r, own
}
