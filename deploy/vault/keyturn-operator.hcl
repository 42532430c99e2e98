# What an operator may do in Vault with rotatectl, and nothing else: what the worker may, and list the journals.
# internal/vaultkv tests this file on a real Vault.
#
# Adapt the mounts to vault.stores, and "mail/" to the folders in which your credentials live: a path per folder. Who
# only looks (status, plan, explain) needs no more than keyturn-scheduler.hcl.

# What consumers read: adopt and rotate write it.
path "secret/data/mail/*" {
  capabilities = ["create", "read", "update"]
}
path "secret/config" {
  capabilities = ["read"]
}

# Management keys that the configuration names as {vault: keyturn/…#field}: for config check --secrets, and for what
# calls a provider or asks a verifier. Remove it if yours are elsewhere.
path "secret/data/keyturn/*" {
  capabilities = ["read"]
}

# The journals. They hold passwords that may or may not be live: give no one else a right in this mount.
path "keyturn-journal/data/*" {
  capabilities = ["create", "read", "update"]
}
path "keyturn-journal/metadata/*" {
  capabilities = ["list"]
}
path "keyturn-journal/config" {
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
