// Package vaultkv keeps journals and passwords in HashiCorp Vault's key/value engine, version 2. It implements
// rotation.Journals and rotation.Secrets over any number of named stores, and is the only importer of Vault's client.
//
// Two rules shape it. Vault's check-and-set is the fence of every rotation, so nothing beneath a write may send it
// twice: a mismatch has to be real. And an error text never holds a token, a value or an answer's body: it is made of
// the store's name, the path, the status and words of our own.
package vaultkv
