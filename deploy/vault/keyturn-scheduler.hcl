# What keyturn's scheduler may do in Vault, and nothing else. internal/vaultkv tests this file on a real Vault.
#
# It writes nothing. It reads when each password was rotated, and lists the journals to find open ones. KV v2 cannot
# grant a part of a secret, so it could read passwords too: keep its role as close as the worker's.
#
# Adapt the mounts to vault.stores, and "mail/" to the folders in which your credentials live: a path per folder.

path "secret/data/mail/*" {
  capabilities = ["read"]
}

path "keyturn-journal/data/*" {
  capabilities = ["read"]
}
path "keyturn-journal/metadata/*" {
  capabilities = ["list"]
}
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
