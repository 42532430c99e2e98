// Package deploy holds the tests of what deploy/ offers to Prometheus, Grafana, systemd and Kubernetes: a module of its own, because
// promtool and Helm are large. Nothing imports it. `go test -C lab/deploy . -update` writes what is made of the chart.
package deploy
