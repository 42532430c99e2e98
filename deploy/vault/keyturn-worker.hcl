# What keyturn's worker may do in Vault, and nothing else. internal/vaultkv tests this file on a real Vault: what is
# written here works, and what is not is refused.
#
# Adapt the mounts to vault.stores, and "mail/" to the folders in which your credentials live: a path per folder.

# What consumers read. No delete, no metadata: the versions are the history, and a version number must never come back.
path "secret/data/mail/*" {
  capabilities = ["create", "read", "update"]
}

# Management keys that the configuration names as {vault: keyturn/…#field}. Remove it if yours are elsewhere.
path "secret/data/keyturn/*" {
  capabilities = ["read"]
}

# The journals. They hold passwords that may or may not be live: give no one else a right in this mount.
path "keyturn-journal/data/*" {
  capabilities = ["create", "read", "update"]
}

# At start the worker checks that enough versions are kept, and that neither mount deletes them by itself.
path "keyturn-journal/config" {
  capabilities = ["read"]
}
path "secret/config" {
  capabilities = ["read"]
}

# A token's own affairs. They stand here because the token has no default policy (see README.md).
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "sys/capabilities-self" {
  capabilities = ["update"]
}
