package tencentses

import "keyturn/internal/providers/lenient"

// setPasswordRequest is the body of UpdateEmailSmtpPassWord.
type setPasswordRequest struct {
	Password     string
	EmailAddress string
}

// response is the envelope of every answer. Errors come in it with HTTP 200.
type response struct {
	Response struct {
		RequestID lenient.String `json:"RequestId"`
		Error     *struct {
			Code string
		}
	}
}
