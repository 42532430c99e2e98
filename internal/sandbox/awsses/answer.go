package awsses

import (
	"encoding/xml"
	"net/http"
	"time"

	"github.com/google/uuid"

	"keyturn/internal/sandbox/core"
)

// reasons are Amazon's words, of IAM and of all its services. What IAM cannot say of a key (that a password stands already,
// or breaks a rule) it answers as a failure.
var reasons = map[core.Outcome]core.Reason{
	core.OutUnknown:      core.Because(http.StatusNotFound, "NoSuchEntity", "The user with this name cannot be found."),
	core.OutUnauthorized: core.Because(http.StatusForbidden, "AccessDenied", "User is not authorized to perform this action."),
	core.OutThrottled:    core.Because(http.StatusBadRequest, "Throttling", "Rate exceeded"),
	core.OutMalformed:    core.Because(http.StatusBadRequest, "ValidationError", "The input fails to satisfy the constraints."),
	core.OutFailed:       core.Because(http.StatusInternalServerError, "ServiceFailure", "The request processing has failed because of an unknown error, exception or failure."),
	core.OutUnavailable:  core.Because(http.StatusServiceUnavailable, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
	core.OutRepeat:       core.Because(http.StatusInternalServerError, "ServiceFailure", "The request processing has failed because of an unknown error, exception or failure."),
	core.OutRejected:     core.Because(http.StatusInternalServerError, "ServiceFailure", "The request processing has failed because of an unknown error, exception or failure."),
}

var (
	full      = core.Because(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
	noKey     = core.Because(http.StatusNotFound, "NoSuchEntity", "The Access Key with this id cannot be found.")
	badAction = core.Because(http.StatusBadRequest, "InvalidAction", "Could not find operation for version 2010-05-08")
)

// namespace is that of every answer.
const namespace = "https://iam.amazonaws.com/doc/2010-05-08/"

// metadata ends every answer.
type metadata struct {
	RequestID string `xml:"RequestId"`
}

// failure is an answer that says no.
func failure(why core.Reason, o core.Outcome) core.Reply {
	type fault struct{ Type, Code, Message string }
	out := struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Namespace string   `xml:"xmlns,attr"`
		Error     fault
		RequestID string `xml:"RequestId"`
	}{Namespace: namespace, Error: fault{"Sender", why.Code, why.Message}, RequestID: uuid.NewString()}
	return write(why.Status, out, o)
}

// accessKey is a key as the answers show it; the secret once.
type accessKey struct {
	UserName        string
	AccessKeyID     string `xml:"AccessKeyId"`
	Status          string
	SecretAccessKey string `xml:",omitempty"`
	CreateDate      string
}

func asKey(user, id, secret string, made time.Time) accessKey {
	return accessKey{UserName: user, AccessKeyID: id, Status: "Active", SecretAccessKey: secret, CreateDate: made.UTC().Format(time.RFC3339)}
}

func created(key accessKey) core.Reply {
	type result struct{ AccessKey accessKey }
	return write(http.StatusOK, struct {
		XMLName   xml.Name `xml:"CreateAccessKeyResponse"`
		Namespace string   `xml:"xmlns,attr"`
		Result    result   `xml:"CreateAccessKeyResult"`
		Metadata  metadata `xml:"ResponseMetadata"`
	}{Namespace: namespace, Result: result{key}, Metadata: metadata{uuid.NewString()}}, core.OutAccepted)
}

func listed(user string, keys []accessKey) core.Reply {
	type members struct {
		Member []accessKey `xml:"member"`
	}
	type result struct {
		UserName          string
		AccessKeyMetadata members
		IsTruncated       bool
	}
	return write(http.StatusOK, struct {
		XMLName   xml.Name `xml:"ListAccessKeysResponse"`
		Namespace string   `xml:"xmlns,attr"`
		Result    result   `xml:"ListAccessKeysResult"`
		Metadata  metadata `xml:"ResponseMetadata"`
	}{Namespace: namespace, Result: result{user, members{keys}, false}, Metadata: metadata{uuid.NewString()}}, core.OutRead)
}

func deleted() core.Reply {
	return write(http.StatusOK, struct {
		XMLName   xml.Name `xml:"DeleteAccessKeyResponse"`
		Namespace string   `xml:"xmlns,attr"`
		Metadata  metadata `xml:"ResponseMetadata"`
	}{Namespace: namespace, Metadata: metadata{uuid.NewString()}}, core.OutAccepted)
}

func write(status int, out any, o core.Outcome) core.Reply {
	body, err := xml.Marshal(out)
	if err != nil {
		return core.Reply{Status: http.StatusInternalServerError, Outcome: core.OutFailed}
	}
	return core.Reply{Status: status, ContentType: "text/xml", Body: body, Outcome: o}
}
