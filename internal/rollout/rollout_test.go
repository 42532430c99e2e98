package rollout

import (
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cluster is an API server that answers with a status, and a pod in it.
func cluster(t *testing.T, status int) (c *Cluster, asked func() (request, body string)) {
	t.Helper()
	var request, body string
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		request = r.Method + " " + r.URL.RequestURI() + " " + r.Header.Get("Authorization") + " " + r.Header.Get("Content-Type")
		body = string(text)
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	dir := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "ca.crt"), ca, 0o600), os.WriteFile(filepath.Join(dir, "token"), []byte("t0ken\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"KUBERNETES_SERVICE_HOST": u.Hostname(), "KUBERNETES_SERVICE_PORT": u.Port()}
	if c, err = Here(func(name string) string { return env[name] }, dir); err != nil {
		t.Fatal(err)
	}
	return c, func() (string, string) { return request, body }
}

func TestARestartChangesTheAnnotationOfThePodsAndNothingElse(t *testing.T) {
	t.Parallel()
	c, asked := cluster(t, http.StatusOK)
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for kind, path := range map[string]string{"deployment": "deployments", "statefulset": "statefulsets", "daemonset": "daemonsets"} {
		if err := c.Restart(t.Context(), kind+"/mail/postfix", at); err != nil {
			t.Fatal(err)
		}
		request, body := asked()
		if want := "PATCH /apis/apps/v1/namespaces/mail/" + path + "/postfix?fieldManager=keyturn Bearer t0ken application/strategic-merge-patch+json"; request != want {
			t.Errorf("asked %s", request)
		}
		if want := `{"spec":{"template":{"metadata":{"annotations":{"keyturn.io/rotated-at":"2026-11-30T12:00:00Z"}}}}}`; body != want {
			t.Errorf("sent %s", body)
		}
	}
}

func TestARestartThatIsRefusedSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{403: "the right to patch it", 401: "the right to patch it", 404: "no such workload", 500: "answers 500", 302: "answers 302"} {
		c, _ := cluster(t, status)
		if err := c.Restart(t.Context(), "deployment/mail/postfix", time.Now()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "t0ken") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestOutsideOfKubernetesNothingIsRestarted(t *testing.T) {
	t.Parallel()
	if _, err := Here(func(string) string { return "" }, t.TempDir()); !errors.Is(err, ErrOutside) {
		t.Errorf("got %v", err)
	}
}
