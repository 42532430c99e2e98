// Package webhook sends what happened to a web server, signed as Standard Webhooks asks (github.com/standard-webhooks/standard-webhooks).
// Its errors name no address beyond a host, because receivers put secrets into theirs.
package webhook
