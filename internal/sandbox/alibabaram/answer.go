package alibabaram

import (
	"encoding/xml"
	"net/http"
	"time"

	"keyturn/internal/sandbox/accesskey"
	"keyturn/internal/sandbox/alibabacloud"
	"keyturn/internal/sandbox/core"
)

// reasons are RAM's words; the others are the gateway's. What RAM cannot say of a key (that it stands already, or breaks a
// rule) it answers as a failure.
var reasons = func() map[core.Outcome]core.Reason {
	table := alibabacloud.Reasons()
	table[core.OutUnauthorized] = core.Because(http.StatusForbidden, "NoPermission", "You are not authorized to do this action.")
	table[core.OutUnknown] = core.Because(http.StatusNotFound, "EntityNotExist.User", "The user does not exist.")
	table[core.OutRepeat], table[core.OutRejected] = table[core.OutFailed], table[core.OutFailed]
	return table
}()

var (
	full     = core.Because(http.StatusConflict, "LimitExceeded.User.AccessKey", "The access key count of the user access keys beyond the current limits.")
	noKey    = core.Because(http.StatusNotFound, "EntityNotExist.User.AccessKey", "The user access key does not exist.")
	oddUser  = core.Because(http.StatusBadRequest, "InvalidParameter.UserName.InvalidChars", `The parameter - "UserName" contains invalid chars.`)
	longUser = core.Because(http.StatusBadRequest, "InvalidParameter.UserName.Length", `The parameter - "UserName" beyond the length limit.`)
	// active is a word of the sandbox: RAM's console deletes no such key, and no page says what the call does.
	active = core.Because(http.StatusConflict, "Sandbox.KeyIsActive", "The sandbox deletes no key that is Active: disable it before.")
)

// accessKey is a key as the answers show it; the secret once.
type accessKey struct {
	AccessKeyId     string //nolint:revive // Alibaba's spelling
	AccessKeySecret string `json:",omitempty" xml:",omitempty"`
	Status          string
	CreateDate      string
}

func shown(key accesskey.Key, secret string) accessKey {
	return accessKey{key.ID, secret, key.Status, key.Made.UTC().Format(time.RFC3339)}
}

func created(in alibabacloud.Admitted, key accesskey.Key, secret string) core.Reply {
	return in.Reply(http.StatusOK, struct {
		XMLName   xml.Name `xml:"CreateAccessKeyResponse" json:"-"`
		RequestId string   //nolint:revive // Alibaba's spelling
		AccessKey accessKey
	}{RequestId: alibabacloud.NewRequestID(), AccessKey: shown(key, secret)}, core.OutAccepted)
}

func listed(in alibabacloud.Admitted, keys []accesskey.Key) core.Reply {
	type list struct{ AccessKey []accessKey }
	all := list{[]accessKey{}}
	for _, key := range keys {
		all.AccessKey = append(all.AccessKey, shown(key, ""))
	}
	return in.Reply(http.StatusOK, struct {
		XMLName    xml.Name `xml:"ListAccessKeysResponse" json:"-"`
		RequestId  string   //nolint:revive // Alibaba's spelling
		AccessKeys list
	}{RequestId: alibabacloud.NewRequestID(), AccessKeys: all}, core.OutRead)
}

// done is the answer of a call that shows nothing.
func done(in alibabacloud.Admitted, op string) core.Reply {
	return in.Reply(http.StatusOK, struct {
		XMLName   xml.Name `json:"-"`
		RequestId string   //nolint:revive // Alibaba's spelling
	}{xml.Name{Local: op + "Response"}, alibabacloud.NewRequestID()}, core.OutAccepted)
}
