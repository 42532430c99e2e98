package tencentses

import "keyturn/internal/policy"

// rule is the password rule in the text of InvalidParameterValue.InvalidSmtpPassWord: 10 to 20 characters, at least 2
// unique digits, lower-case and upper-case letters each. The "64" in the parameter table is looser than that. No page
// says whether symbols are accepted, so none are used.
func rule() policy.Rule {
	two := policy.Class{Min: 2, MinDistinct: 2}
	return policy.Rule{MinLength: 10, MaxLength: 20, Digits: two, Lower: two, Upper: two}
}
