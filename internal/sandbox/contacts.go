package sandbox

import (
	"encoding/xml"
	"maps"
	"net/http"
	"net/mail"
	"strings"
	"sync"
	"time"
)

// contactsOp is the only action of Alibaba Domain that the sandbox knows. The version tells the two sites apart: China
// (domain.aliyuncs.com) and international (domain-intl.aliyuncs.com), which wants SendIfExist.
const (
	contactsOp                   = "SubmitEmailVerification"
	contactsVersionChina         = "2018-01-29"
	contactsVersionInternational = "2017-12-18"
)

// mailsADay is how many confirmation mails an address gets in a day (UTC) by default.
const mailsADay = 10

var contactsReasons = func() map[outcome]reason {
	table := maps.Clone(alibabaReasons)
	table[outUnavailable] = reason{http.StatusBadRequest, "NetworkIOError", "Network Io error."}
	for _, o := range []outcome{outMalformed, outUnknown, outRejected, outRepeat} {
		table[o] = reason{http.StatusBadRequest, "ParameterIllegal", "Parameter illegal."}
	}
	return table
}()

// Contact is the state of one address at alibaba-domain.
type Contact struct {
	Mailed bool   `json:"mailed"` // has been mailed before
	Day    string `json:"day"`    // the day, in UTC, that Mails counts
	Mails  int    `json:"mails"`
	Limit  int    `json:"limit"` // mails a day
}

// book keeps the contacts. Addresses that it does not know are new ones.
type book struct {
	code  string
	now   func() time.Time
	store *store

	mu       sync.Mutex
	contacts map[string]Contact
}

// The lists of a reply.
type contactList int

const (
	listSuccess contactList = iota
	listFail
	listExist
)

// send mails one address, if it may, and says on which list it belongs.
func (b *book) send(address string, again bool) (contactList, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, known := b.contacts[address]
	if !known {
		c.Limit = mailsADay
	}
	if today := b.now().UTC().Format(time.DateOnly); c.Day != today {
		c.Day, c.Mails = today, 0
	}
	switch {
	case c.Mailed && !again:
		return listExist, nil
	case c.Mails >= c.Limit:
		return listFail, nil
	}
	c.Mailed = true
	c.Mails++
	b.contacts[address] = c
	return listSuccess, b.store.put(stored{Provider: b.code, Target: address, Contact: &c})
}

// add makes contacts known that were not, and returns how many.
func (b *book) add(targets ...Target) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var writes []stored
	for _, t := range targets {
		if _, known := b.contacts[t.Target]; known {
			continue
		}
		c := Contact{Mailed: t.Mailed, Limit: t.MailsADay}
		if c.Limit == 0 {
			c.Limit = mailsADay
		}
		b.contacts[t.Target] = c
		writes = append(writes, stored{Provider: b.code, Target: t.Target, Contact: &c})
	}
	return len(writes), b.store.put(writes...)
}

func (b *book) restore(address string, c Contact) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.contacts[address] = c
}

func (b *book) list() map[string]Contact {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.contacts)
}

func (b *book) reset() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var writes []stored
	for address := range b.contacts {
		writes = append(writes, stored{Provider: b.code, Target: address})
	}
	clear(b.contacts)
	return b.store.put(writes...)
}

// contacts is the stand-in of Alibaba Domain.
type contacts struct {
	gateway
	shape string
}

func (k contacts) open(r *http.Request, body []byte) (*call, *reply) {
	in, refused := k.enter(r, body, contactsOp, contactsVersionChina, contactsVersionInternational)
	if refused != nil {
		return nil, refused
	}
	refuse := func(why reason) (*call, *reply) {
		rep := in.fault(why, outMalformed)
		return nil, &rep
	}
	again := in.get("SendIfExist")
	if !in.has("Email") {
		return refuse(missing("Email"))
	}
	if !in.has("SendIfExist") && in.version == contactsVersionInternational {
		return refuse(missing("SendIfExist"))
	}
	addresses := strings.Split(strings.ToLower(in.get("Email")), ",")
	legal := oneOf(again, "", "true", "false") && oneOf(in.get("Lang"), "", "zh", "en")
	for i, address := range addresses {
		addresses[i] = strings.TrimSpace(address)
		parsed, err := mail.ParseAddress(addresses[i])
		legal = legal && err == nil && parsed.Address == addresses[i]
	}
	if !legal {
		return refuse(contactsReasons[outMalformed])
	}
	return &call{
		op: contactsOp, target: strings.Join(addresses, ","), also: addresses, changes: true, account: in.account,
		do:     func(lag) reply { return k.submit(in, addresses, again == "true") },
		refuse: func(why refusal) reply { return in.refuse(why, contactsReasons) },
	}, nil
}

func (k contacts) submit(in admitted, addresses []string, again bool) reply {
	lists := [3][]sendResult{{}, {}, {}} // JSON shows an empty list, not null
	result := outRead
	for _, address := range addresses {
		list, err := k.book.send(address, again)
		if err != nil {
			return in.fault(contactsReasons[outFailed], outFailed)
		}
		one := sendResult{Email: address}
		switch list {
		case listSuccess:
			result = outAccepted
		case listFail:
			one.Code = "SendTokenQuotaExceeded"
			one.Message = "The maximum number of attempts allowed to send the email verification link is exceeded."
		case listExist:
		}
		lists[list] = append(lists[list], one)
	}
	return in.reply(http.StatusOK, k.shaped(in, lists), result)
}

// sendResult is one address of a reply, spelled as in XML and in PascalCase.
type sendResult struct{ Email, Message, Code string }

// shaped puts the lists into one of the shapes that have been documented over the years; XML has one shape only.
func (k contacts) shaped(in admitted, lists [3][]sendResult) any {
	type wrapped struct{ SendResult []sendResult }
	switch {
	case in.xml || k.shape == "wrapped":
		return struct {
			XMLName     xml.Name `xml:"SubmitEmailVerificationResponse" json:"-"`
			FailList    wrapped
			RequestId   string //nolint:revive // Alibaba's spelling
			ExistList   wrapped
			SuccessList wrapped
		}{
			FailList: wrapped{lists[listFail]}, RequestId: newRequestID(),
			ExistList: wrapped{lists[listExist]}, SuccessList: wrapped{lists[listSuccess]},
		}
	case k.shape == "pascal":
		return map[string]any{
			"RequestId": newRequestID(), "FailList": lists[listFail], "ExistList": lists[listExist], "SuccessList": lists[listSuccess],
		}
	default:
		return map[string]any{
			"requestId": newRequestID(), "failList": camel(lists[listFail]), "existList": camel(lists[listExist]), "successList": camel(lists[listSuccess]),
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
