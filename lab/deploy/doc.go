// Package deploy holds the tests of what deploy/ offers to Prometheus, Grafana and systemd: a module of its own, because promtool
// is large. Nothing imports it.
package deploy
