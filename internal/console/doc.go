// Package console serves what operate knows and does over HTTP: an API below /v1, and pages for people. It holds no state of
// its own and has no rights in Vault: what it shows is what Redis mirrors, and what needs Vault a worker does for it. It parses,
// decides who may, and renders; what is asked for is operate's.
package console

//go:generate go test . -run TheOpenAPIDocumentInDocs -update
