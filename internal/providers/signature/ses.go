package signature

import (
	"encoding/base64"

	"keyturn/internal/secret"
)

// SESPassword is the password with which an access key logs in to Amazon SES by SMTP, in one region: a signature of the
// words "SendRawEmail", of a day that never was, behind a byte that says how it is made. The user name is the key's id.
//
// https://docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html
func SESPassword(accessKey secret.Value, region string) secret.Value {
	const version, date = 0x04, "11111111"
	key := SigV4{Secret: accessKey, Region: region, Service: "ses"}.key(date)
	return secret.New(base64.StdEncoding.EncodeToString(append([]byte{version}, hmacSHA256(key, "SendRawEmail")...)))
}
