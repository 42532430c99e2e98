// Package deploy holds the tests of what deploy/ offers to Prometheus and Grafana: a module of its own, because promtool
// is large. Nothing imports it.
package deploy
