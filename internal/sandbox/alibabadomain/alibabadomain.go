// Package alibabadomain is the stand-in of Alibaba Cloud Domains, which mails contacts.
package alibabadomain

import (
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"time"

	"keyturn/internal/sandbox/alibabacloud"
	"keyturn/internal/sandbox/core"
)

// Code names the provider.
const Code = "alibaba-domain"

// op is the only action that the sandbox knows. The version tells the two sites apart: China (domain.aliyuncs.com) and
// international (domain-intl.aliyuncs.com), which wants SendIfExist.
const (
	op                   = "SubmitEmailVerification"
	versionChina         = "2018-01-29"
	versionInternational = "2017-12-18"
)

// replyShape is an option: how the answer is spelled in JSON.
const replyShape = "reply_shape"

// StandIn describes the stand-in. No page names the limit.
func StandIn() core.StandIn {
	return core.StandIn{
		Code: Code, Cloud: alibabacloud.Cloud, Key: core.Key{ID: "testid", Secret: "testsecret"}, Rate: core.Rate{Requests: 5, Per: time.Second}, TellsWait: true,
		Ports:    core.Ports{API: 2},
		Targets:  []core.Target{{Target: "aaa@test.com", Mailed: true}, {Target: "bbb@test.com", MailsADay: -1}},
		Contacts: true, Options: []string{replyShape}, Check: core.CheckAddress, Open: open,
	}
}

// product is what stands behind the gateway.
type product struct {
	alibabacloud.Gateway
	shape string
}

func open(s *core.Service, o core.Options) (core.Opener, error) {
	shape, err := o.OneOf(replyShape, "camel", "pascal", "wrapped")
	return product{alibabacloud.New(s), shape}.open, err
}

func (p product) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	in, refused := p.Enter(r, body, op, versionChina, versionInternational)
	if refused != nil {
		return nil, refused
	}
	refuse := func(why core.Reason) (*core.Call, *core.Reply) {
		rep := in.Fault(why, core.OutMalformed)
		return nil, &rep
	}
	again := in.Get("SendIfExist")
	if !in.Has("Email") {
		return refuse(alibabacloud.Missing("Email"))
	}
	if !in.Has("SendIfExist") && in.Version == versionInternational {
		return refuse(alibabacloud.Missing("SendIfExist"))
	}
	addresses := strings.Split(strings.ToLower(in.Get("Email")), ",")
	legal := slices.Contains([]string{"", "true", "false"}, again) && slices.Contains([]string{"", "zh", "en"}, in.Get("Lang"))
	for i, address := range addresses {
		addresses[i] = strings.TrimSpace(address)
		parsed, err := mail.ParseAddress(addresses[i])
		legal = legal && err == nil && parsed.Address == addresses[i]
	}
	if !legal {
		return refuse(reasons[core.OutMalformed])
	}
	return &core.Call{
		Op: op, Target: strings.Join(addresses, ","), Also: addresses, Changes: true, Account: in.Account,
		Do:     func(time.Duration) core.Reply { return p.submit(in, addresses, again == "true") },
		Refuse: func(why core.Refusal) core.Reply { return in.Refuse(why, reasons) },
	}, nil
}

func (p product) submit(in alibabacloud.Admitted, addresses []string, again bool) core.Reply {
	lists := [3][]sendResult{{}, {}, {}} // JSON shows an empty list, not null
	result := core.OutRead
	for _, address := range addresses {
		list, err := p.Book.Mail(address, again)
		if err != nil {
			return in.Fault(reasons[core.OutFailed], core.OutFailed)
		}
		one := sendResult{Email: address}
		switch list {
		case core.Mailed:
			result = core.OutAccepted
		case core.NoneLeft:
			one.Code = "SendTokenQuotaExceeded"
			one.Message = "The maximum number of attempts allowed to send the email verification link is exceeded."
		case core.MailedBefore:
		}
		lists[list] = append(lists[list], one)
	}
	return in.Reply(http.StatusOK, p.shaped(in, lists), result)
}
