package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"keyturn/internal/devenv"
)

// servers are what has a proxy in front of it, by name.
var servers = append([]string{"redis", "vault"}, append(slices.Clone(providers), smtpOf(providers)...)...)

func smtpOf(providers []string) []string {
	names := make([]string, len(providers))
	for i, p := range providers {
		names[i] = "smtp " + p
	}
	return names
}

// wires are the proxies between keyturn and the servers.
type wires struct {
	api     *toxiproxy.ApiServer // what proxies share; it does not listen
	proxies map[string]*toxiproxy.Proxy
	busy    map[string]*sync.Mutex // held by what acts on a server or on its wire
}

func newWires() *wires {
	return &wires{
		api:     toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()),
		proxies: map[string]*toxiproxy.Proxy{}, busy: map[string]*sync.Mutex{},
	}
}

// before puts a proxy before a server and returns the proxy's address. An address with a scheme keeps it.
func (w *wires) before(ctx context.Context, name, upstream string) (string, error) {
	scheme := ""
	if u, err := url.Parse(upstream); err == nil && u.Host != "" {
		scheme, upstream = u.Scheme+"://", u.Host
	}
	port, err := devenv.FreePort(ctx)
	if err != nil {
		return "", err
	}
	p := toxiproxy.NewProxy(w.api, name, fmt.Sprintf("127.0.0.1:%d", port), upstream)
	if err := p.Start(); err != nil {
		return "", fmt.Errorf("proxy before %s: %w", name, err)
	}
	w.proxies[name], w.busy[name] = p, &sync.Mutex{}
	return scheme + p.Listen, nil
}

// disturb puts a toxic on a server's wire, which lasts until the returned function is called.
func (w *wires) disturb(ctx context.Context, name string, e event) (end func() error, err error) {
	p := w.proxies[name]
	if e.Kind == cutOff {
		p.Stop()
		return func() error { return insist(ctx, func(context.Context) error { return p.Start() }) }, nil
	}
	toxic := fmt.Sprintf(`{"name": "delay-%d", "type": "latency", "attributes": {"latency": 700, "jitter": 600}}`, e.At)
	if e.Kind == swallow {
		// No reply comes through, and the connection ends after a while, as when a peer or a firewall on the way dies.
		toxic = fmt.Sprintf(`{"name": "swallow-%d", "type": "timeout", "attributes": {"timeout": 800}}`, e.At)
	}
	t, err := p.Toxics.AddToxicJson(strings.NewReader(toxic))
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", e.Kind, name, err)
	}
	return func() error { return p.Toxics.RemoveToxic(context.WithoutCancel(ctx), t.Name) }, nil
}

func (w *wires) close() {
	for _, p := range w.proxies {
		p.Stop()
	}
}
