// Package sdk drives the sandbox with the providers' own SDKs: their authors did not read our code, so what they
// cannot do with the sandbox is missing from it. There is nothing here but tests; README.md says which SDKs.
package sdk
