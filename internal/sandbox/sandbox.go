// Package sandbox serves stand-ins of the providers' APIs and of their SMTP submission servers, for the demo, the tests
// and everyone who wants to try a configuration. They keep real password state, check signatures, enforce the providers'
// rules and rate limits, and inject faults on request.
//
// It shares no code with the clients on purpose: it reads the providers' documentation a second time, so that a
// misreading on one side shows as a refusal on the other.
//
// Package core is what all stand-ins share. Beside it, each provider has a package named after its code without hyphens;
// rule, signature, accesskey and alibabacloud are what several of them check. Package described plays a provider from the file that
// describes it, and is the one that shares code with the clients.
package sandbox

//go:generate go test . -run ManualListsEveryStandIn -update

import (
	"context"

	"keyturn/internal/sandbox/ahasend"
	"keyturn/internal/sandbox/alibabadirectmail"
	"keyturn/internal/sandbox/alibabadomain"
	"keyturn/internal/sandbox/alibabaram"
	"keyturn/internal/sandbox/awsses"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/enom"
	"keyturn/internal/sandbox/hubspot"
	"keyturn/internal/sandbox/kirimemail"
	"keyturn/internal/sandbox/mailcow"
	"keyturn/internal/sandbox/mailgun"
	"keyturn/internal/sandbox/mailu"
	"keyturn/internal/sandbox/migadu"
	"keyturn/internal/sandbox/sendgrid"
	"keyturn/internal/sandbox/smtp2go"
	"keyturn/internal/sandbox/tencentcam"
	"keyturn/internal/sandbox/tencentses"
)

// StandIns returns the stand-ins in the order of their codes.
func StandIns() []core.StandIn {
	return []core.StandIn{
		ahasend.StandIn(),
		alibabadirectmail.StandIn(),
		alibabadomain.StandIn(),
		alibabaram.StandIn(),
		awsses.StandIn(),
		enom.StandIn(),
		hubspot.StandIn(),
		kirimemail.StandIn(),
		mailcow.StandIn(),
		mailgun.StandIn(),
		mailu.StandIn(),
		migadu.StandIn(),
		sendgrid.StandIn(),
		smtp2go.StandIn(),
		tencentcam.StandIn(),
		tencentses.StandIn(),
	}
}

// Start serves all stand-ins, and those that config has beside them: see core.Start.
func Start(ctx context.Context, config core.Config) (*core.Server, error) {
	config.StandIns = append(StandIns(), config.StandIns...)
	return core.Start(ctx, config)
}
