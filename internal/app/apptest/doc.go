// Package apptest runs keyturn's own programs, as processes, against a real Redis, a real Vault and the sandbox of
// provider APIs.
//
// A package of tests has one Vault and one set of built programs (Main); a Stage, which is one test's, has a Redis, a
// sandbox and ids of its own, so that tests of one package run side by side.
package apptest
