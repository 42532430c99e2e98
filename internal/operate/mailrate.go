package operate

import (
	"time"

	"keyturn/internal/rotation"
)

// mailLoad is what a mail server bears, and how many credentials are verified there, of all accounts.
type mailLoad struct {
	rate        rotation.Rate
	credentials int
}

// mailLoads are the mail servers of a fleet by address.
func mailLoads(fleet Fleet) map[string]mailLoad {
	loads := map[string]mailLoad{}
	for cred := range fleet.Credentials() {
		if cred.Verify.Mode == rotation.VerifySMTP {
			load := loads[cred.Verify.SMTP.Address]
			load.rate = cred.Verify.SMTP.Rate
			load.credentials++
			loads[cred.Verify.SMTP.Address] = load
		}
	}
	return loads
}

// forRotations is the share of a mail server's questions that rotations may take; the rest is for what resumes.
const forRotations = 0.9

// perHour is how many rotations an hour the server can prove, one question each, beside so many rounds of drift checks.
func (l mailLoad) perHour(checks int, span time.Duration) float64 {
	questions := float64(l.rate.Requests) / l.rate.Per.Hours()
	return max(0, forRotations*questions-float64(checks*l.credentials)/span.Hours())
}
