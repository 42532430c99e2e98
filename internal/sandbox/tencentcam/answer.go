package tencentcam

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"keyturn/internal/sandbox/accesskey"
	"keyturn/internal/sandbox/core"
)

// reasons are Tencent's words; all of them come with HTTP 200. What CAM cannot say of a key (that it stands already, breaks a
// rule, or that nothing was done) it answers as a failure.
var reasons = map[core.Outcome]core.Reason{
	core.OutUnknown:      core.Because(http.StatusOK, "InvalidParameter.UserNotExist", "User object does not exist."),
	core.OutUnauthorized: core.Because(http.StatusOK, "AuthFailure.UnauthorizedOperation", "No permission."),
	core.OutThrottled:    core.Because(http.StatusOK, "RequestLimitExceeded", "Your current request times equals to the maximum in one second. Please slow down."),
	core.OutFailed:       core.Because(http.StatusOK, "FailedOperation.Accesskey", "An error occurred while manipulating the access key."),
	core.OutUnavailable:  core.Because(http.StatusOK, "InternalError", "Internal error."),
	core.OutRepeat:       core.Because(http.StatusOK, "FailedOperation.Accesskey", "An error occurred while manipulating the access key."),
	core.OutRejected:     core.Because(http.StatusOK, "FailedOperation.Accesskey", "An error occurred while manipulating the access key."),
	core.OutMalformed:    core.Because(http.StatusOK, "InvalidParameter", "The request is not what the API documents."),
}

var (
	full = core.Because(http.StatusOK, "OperationDenied.AccessKeyOverLimit", "Each account can have up to two `AccessKey`.")
	// noKey is a guess: it is among CAM's codes, and on no page of these calls.
	noKey = core.Because(http.StatusOK, "ResourceNotFound.SecretNotExist", "The key does not exist.")
	// active is a word of the sandbox: CAM's console deletes no such key, and no page says what the call does.
	active = core.Because(http.StatusOK, "Sandbox.KeyIsActive", "The sandbox deletes no key that is Active: disable it before.")
)

// accessKey is a key as the answers show it; the secret once.
type accessKey struct {
	AccessKeyId     string //nolint:revive // Tencent's spelling
	SecretAccessKey string `json:",omitempty"`
	Status          string
	CreateTime      string
}

func shown(key accesskey.Key, secret string) accessKey {
	return accessKey{key.ID, secret, key.Status, key.Made.UTC().Format(time.DateTime)}
}

// fault is what an answer says that refuses.
type fault struct{ Code, Message string }

// envelope is Tencent's.
type envelope struct {
	Error      *fault       `json:",omitempty"`
	AccessKey  *accessKey   `json:",omitempty"`
	AccessKeys *[]accessKey `json:",omitempty"`
	RequestId  string       //nolint:revive // Tencent's spelling
}

func reply(e envelope, o core.Outcome) core.Reply {
	e.RequestId = uuid.NewString()
	return core.JSONReply(http.StatusOK, struct{ Response envelope }{e}, o)
}

func refusal(why core.Reason, o core.Outcome) core.Reply {
	rep := reply(envelope{Error: &fault{why.Code, why.Message}}, o)
	rep.Status = why.Status
	return rep
}

func created(key accesskey.Key, secret string) core.Reply {
	one := shown(key, secret)
	return reply(envelope{AccessKey: &one}, core.OutAccepted)
}

func listed(keys []accesskey.Key) core.Reply {
	all := []accessKey{}
	for _, key := range keys {
		all = append(all, shown(key, ""))
	}
	return reply(envelope{AccessKeys: &all}, core.OutRead)
}

// done is the answer of a call that shows nothing.
func done() core.Reply { return reply(envelope{}, core.OutAccepted) }
