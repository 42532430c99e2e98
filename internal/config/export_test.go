package config

import "slices"

// Shapes returns the fields of everything that a configuration consists of, by the headings of docs/configuration.md.
func Shapes() map[string][]string {
	return map[string][]string{
		"keyturn.yaml":              sectionFields.keys(),
		"redis":                     redisFields.keys(),
		"redis.sentinel":            sentinelFields.keys(),
		"redis.tls":                 tlsFields.keys(),
		"vault":                     vaultFields.keys(),
		"vault.stores.NAME":         storeFields.keys(),
		"vault auth":                authFields.keys(),
		"vault auth.approle":        appRoleFields.keys(),
		"vault auth.kubernetes/jwt": jwtFields.keys(),
		"vault fields":              fieldNames.keys(),
		"source":                    sourceFields.keys(),
		"accounts.NAME":             accountFields.keys(),
		"policies.NAME":             policyFields.keys(),
		"class":                     classFields.keys(),
		"schedules.NAME":            scheduleFields.keys(),
		"defaults":                  defaultFields.keys(),
		"verify":                    verifyFields.keys(),
		"verify.smtp":               smtpFields.keys(),
		"credentials":               credentialFields.keys(),
		"credentials targets":       slices.DeleteFunc(accessFields.keys(), func(key string) bool { return key == "account" }),
		"verifications.NAME":        verificationFields.keys(),
		"freezes.NAME":              freezeFields.keys(),
		"webhooks.NAME":             webhookFields.keys(),
		"webhooks match":            matchFields.keys(),
		"notify":                    notifyFields.keys(),
		"timing":                    timingFields.keys(),
		"console":                   consoleFields.keys(),
		"console.tls":               consoleTLSFields.keys(),
		"console.tokens.NAME":       consoleTokenFields.keys(),
		"console.oidc":              consoleOIDCFields.keys(),
		"console.oidc.roles":        consoleOIDCRoleFields.keys(),
	}
}
