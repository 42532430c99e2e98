// Package devenv starts real servers and keyturn's own programs as child processes, for the tests and for what stands in
// lab/: the demo, the chaos run and the bench. All of them stand on one Stage. Nothing that serves a user imports it.
//
// Each start gets a process of its own on a free loopback port, so that runs never meet. A child never sees the
// user's Vault: VAULT_ADDR, VAULT_TOKEN and their kin are removed from its environment, since people keep their
// production Vault there.
package devenv
