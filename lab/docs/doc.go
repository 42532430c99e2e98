// Package docs holds what the repository's pages say against what is there: a link leads somewhere, and a command is run by
// a test or marked as one that is not. There is nothing here but tests.
package docs
