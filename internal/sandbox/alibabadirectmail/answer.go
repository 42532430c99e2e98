package alibabadirectmail

import (
	"encoding/xml"
	"net/http"

	"keyturn/internal/sandbox/alibabacloud"
	"keyturn/internal/sandbox/core"
)

// reasons are the product's words; the others are the gateway's.
var reasons = func() map[core.Outcome]core.Reason {
	table := alibabacloud.Reasons()
	table[core.OutRepeat] = core.Because(http.StatusBadRequest, "InvalidDomainPassword.equalcurrent", "The password must be different from the current password.")
	table[core.OutRejected] = core.Because(http.StatusBadRequest, "InvalidDomainPassword.Malformed", "The specified password is invalid.")
	table[core.OutUnknown] = core.Because(http.StatusNotFound, "InvalidDomain.NotFound", "The specified domain does not exist.")
	return table
}()

// result is the answer of ModifyPWByDomain itself. Success is a string or a bool in JSON: both have been seen.
func (p product) result(in alibabacloud.Admitted, why core.Reason, success bool, o core.Outcome) core.Reply {
	var out struct {
		XMLName   xml.Name `xml:"ModifyPWByDomainResponse" json:"-"`
		RequestId string   //nolint:revive // Alibaba's spelling
		Code      string
		Message   string
		Success   any
	}
	out.RequestId, out.Code, out.Message = alibabacloud.NewRequestID(), why.Code, why.Message
	out.Success = p.successful[success]
	return in.Reply(why.Status, out, o)
}
