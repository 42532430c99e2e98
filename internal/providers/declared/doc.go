// Package declared makes a provider from a description: one YAML file that says what a provider's page says. It reads a
// description with every error at once (Read), and interprets it as a rotation.Provider (Description.Provider).
//
// A description cannot be unsafe, because what matters is not up to its author:
//
//   - A success needs a status and something in the body. Whatever no row matches is in doubt, and so is an answer that is
//     a success and a refusal at once.
//   - No row says that nothing was sent, or that the provider did nothing: no answer proves it. A row for a 5xx says that
//     the outcome is in doubt, or, where a code in the body says so, that the rate is too high.
//   - A call is sent once; redirects are answers, and in doubt. Answers are bounded in size, time and depth.
//   - A slot is escaped by where it stands. Host and scheme depend on no slot, a password stands in the body, or in the
//     query where the description says secret_in_url, and never in an error; nor do keys, URLs and bodies.
//
// There are no expressions, loops or signatures of one's own: what signs a request or derives a password is a function in Go
// that a description names, and a provider that needs more is written in Go.
package declared
