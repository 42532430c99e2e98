// Package rollout restarts workloads of the Kubernetes cluster in which this process runs, as `kubectl rollout restart` does.
package rollout

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"keyturn/internal/certs"
	"keyturn/internal/secret"
)

const (
	// Account is where Kubernetes puts what a pod calls its API with.
	Account = "/var/run/secrets/kubernetes.io/serviceaccount"
	// Variable is one of the environment's that every pod has.
	Variable = "KUBERNETES_SERVICE_HOST"
	// Timeout is the longest that one call takes.
	Timeout = 15 * time.Second

	annotation = "keyturn.io/rotated-at"
	maxAnswer  = 64 << 10
)

// ErrOutside is a process that runs in no pod.
var ErrOutside = errors.New("this process runs in no pod of Kubernetes: a restart is for workers that do")

// Cluster is the cluster of this pod. Safe for concurrent use.
type Cluster struct {
	api    *url.URL
	tokens string // file; the kubelet replaces it
	http   *http.Client
}

// Here is the cluster in which this process runs. lookup finds variables of the environment; account is Account.
func Here(lookup func(string) string, account string) (*Cluster, error) {
	host, port := lookup(Variable), lookup("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil, ErrOutside
	}
	roots, err := certs.Pool(filepath.Join(account, "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("restarts in Kubernetes: %w", err)
	}
	return &Cluster{
		api: &url.URL{Scheme: "https", Host: net.JoinHostPort(host, port)}, tokens: filepath.Join(account, "token"),
		http: &http.Client{
			Timeout:       Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport:     &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, DisableKeepAlives: true},
		},
	}, nil
}

// Restart has the pods of a workload replaced, as its own rules say: kind/namespace/name, with a kind of deployment, statefulset or
// daemonset. Asked again with the same time, it changes nothing.
func (c *Cluster) Restart(ctx context.Context, workload string, at time.Time) error {
	parts := strings.Split(workload, "/")
	if len(parts) != 3 {
		return fmt.Errorf("%q is no workload", workload)
	}
	token, err := secret.ReadFile(c.tokens)
	if err != nil {
		return fmt.Errorf("the pod's token: %w", err)
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{
		"annotations": map[string]string{annotation: at.UTC().Format(time.RFC3339Nano)},
	}}}})
	if err != nil {
		return err
	}
	to := c.api.JoinPath("apis/apps/v1/namespaces", parts[1], parts[0]+"s", parts[2])
	to.RawQuery = url.Values{"fieldManager": {"keyturn"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPatch, to.String(), bytes.NewReader(patch))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token.Trim().Reveal())
	req.Header.Set("Content-Type", "application/strategic-merge-patch+json")
	req.Header.Set("User-Agent", "keyturn")
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("restart %s: %w", workload, err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)
	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusForbidden, http.StatusUnauthorized:
		return fmt.Errorf("restart %s: Kubernetes answers %d: the pod's service account needs the right to patch it (docs/notify.md)", workload, resp.StatusCode)
	case http.StatusNotFound:
		return fmt.Errorf("restart %s: there is no such workload", workload)
	default:
		return fmt.Errorf("restart %s: Kubernetes answers %d", workload, resp.StatusCode)
	}
}
