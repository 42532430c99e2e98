package alibabadomain

import (
	"encoding/xml"
	"net/http"

	"keyturn/internal/sandbox/alibabacloud"
	"keyturn/internal/sandbox/core"
)

// reasons are the product's words; the others are the gateway's.
var reasons = func() map[core.Outcome]core.Reason {
	table := alibabacloud.Reasons()
	table[core.OutUnavailable] = core.Because(http.StatusBadRequest, "NetworkIOError", "Network Io error.")
	for _, o := range []core.Outcome{core.OutMalformed, core.OutUnknown, core.OutRejected, core.OutRepeat} {
		table[o] = core.Because(http.StatusBadRequest, "ParameterIllegal", "Parameter illegal.")
	}
	return table
}()

// sendResult is one address of a reply, spelled as in XML and in PascalCase.
type sendResult struct{ Email, Message, Code string }

// shaped puts the lists into one of the shapes that have been documented over the years; XML has one shape only.
func (p product) shaped(in alibabacloud.Admitted, lists [3][]sendResult) any {
	type wrapped struct{ SendResult []sendResult }
	switch {
	case in.XML || p.shape == "wrapped":
		return struct {
			XMLName     xml.Name `xml:"SubmitEmailVerificationResponse" json:"-"`
			FailList    wrapped
			RequestId   string //nolint:revive // Alibaba's spelling
			ExistList   wrapped
			SuccessList wrapped
		}{
			FailList: wrapped{lists[core.NoneLeft]}, RequestId: alibabacloud.NewRequestID(),
			ExistList: wrapped{lists[core.MailedBefore]}, SuccessList: wrapped{lists[core.Mailed]},
		}
	case p.shape == "pascal":
		return map[string]any{
			"RequestId": alibabacloud.NewRequestID(), "FailList": lists[core.NoneLeft], "ExistList": lists[core.MailedBefore], "SuccessList": lists[core.Mailed],
		}
	default:
		return map[string]any{
			"requestId": alibabacloud.NewRequestID(), "failList": camel(lists[core.NoneLeft]), "existList": camel(lists[core.MailedBefore]), "successList": camel(lists[core.Mailed]),
		}
	}
}

// camel spells results in camelCase, without what is empty.
func camel(results []sendResult) []map[string]string {
	list := make([]map[string]string, 0, len(results))
	for _, r := range results {
		one := map[string]string{"email": r.Email}
		if r.Code != "" {
			one["code"], one["message"] = r.Code, r.Message
		}
		list = append(list, one)
	}
	return list
}
