package signature

// OfKey reports whether a signature was refused because of the key: it is unknown or disabled, or another has the secret.
func OfKey(code string) bool {
	switch code {
	case ACS3KeyNotFound, ACS3KeyInactive, ACS3DoesNotMatch, TC3SecretIDNotFound, TC3SignatureFailure:
		return true
	}
	return false
}
