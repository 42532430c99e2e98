{{- /* What a schema cannot say: values that do not go together. Each says which, and what to write. */ -}}
{{- define "keyturn.checks" -}}
{{- $v := .Values -}}
{{- if and $v.config $v.existingConfigMap -}}
{{- fail "config and existingConfigMap: want one of them" -}}
{{- else if not (or $v.config $v.existingConfigMap) -}}
{{- fail "config: is missing: it is the whole keyturn.yaml as a map (../example.values.yaml has one), or existingConfigMap names a ConfigMap with it" -}}
{{- end -}}
{{- if and $v.inventory.existingConfigMap $v.inventory.existingClaim -}}
{{- fail "inventory.existingConfigMap and inventory.existingClaim: want one of them" -}}
{{- end -}}
{{- if and $v.vault.kubernetesAuth (eq $v.vault.roles.worker $v.vault.roles.scheduler) -}}
{{- fail (printf "vault.roles: worker and scheduler are both %s: a scheduler that logs in as a worker may write every password" $v.vault.roles.worker) -}}
{{- end -}}
{{- if and $v.console.ingress.enabled (not $v.console.ingress.host) -}}
{{- fail "console.ingress.host: is missing: it is the host of console.url" -}}
{{- end -}}
{{- if $v.config -}}
{{- include "keyturn.checkConsole" . -}}
{{- include "keyturn.checkGrace" . -}}
{{- include "keyturn.checkStores" . -}}
{{- if $v.config.redis.address -}}
{{- include "keyturn.checkPort" (dict "root" . "rule" "redis" "field" "config.redis.address" "address" $v.config.redis.address) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "keyturn.checkConsole" -}}
{{- if .Values.console.enabled -}}
{{- if not .Values.config.console -}}
{{- fail "console.enabled: config has no section console" -}}
{{- end -}}
{{- $listen := .Values.config.console.listen | default "127.0.0.1:8420" -}}
{{- $port := int .Values.console.port -}}
{{- if or (regexMatch "^(127\\.|localhost:|\\[::1\\])" $listen) (not (hasSuffix (printf ":%d" $port) $listen)) -}}
{{- fail (printf "config.console.listen: is %s, and a Service reaches it at 0.0.0.0:%d alone (console.port)" $listen $port) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A worker that stops lets a call come back and keeps the result; then it closes what it has open. */ -}}
{{- define "keyturn.checkGrace" -}}
{{- $grace := int .Values.worker.terminationGracePeriodSeconds -}}
{{- $timeouts := dict "config.timing.provider_timeout" (dig "timing" "provider_timeout" "10s" .Values.config) -}}
{{- range $name, $account := .Values.config.accounts -}}
{{- $_ := set $timeouts (printf "config.accounts.%s.timeout" $name) (dig "timeout" "0s" $account) -}}
{{- end -}}
{{- range $field, $timeout := $timeouts -}}
{{- $want := include "keyturn.seconds" $timeout | int | add 10 -}}
{{- if lt $grace (int $want) -}}
{{- fail (printf "worker.terminationGracePeriodSeconds: %d is too short for %s, which is %v: want %d or more" $grace $field $timeout $want) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A duration as the configuration has it, 1m30s, in whole seconds. */ -}}
{{- define "keyturn.seconds" -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9.]+(ms|s|m|h)" (toString .) -1 -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- $sum = addf $sum (mulf (trimSuffix $unit . | float64) (get (dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0) $unit)) -}}
{{- end -}}
{{- ceil $sum | int -}}
{{- end -}}

{{- define "keyturn.checkStores" -}}
{{- $stores := .Values.config.vault.stores | default (dict "" .Values.config.vault) -}}
{{- range $name, $store := $stores -}}
{{- $field := empty $name | ternary "config.vault" (printf "config.vault.stores.%s" $name) -}}
{{- $auth := dig "auth" "kubernetes" (dict) $store -}}
{{- if and $auth $.Values.vault.kubernetesAuth -}}
{{- if kindIs "string" $auth.role -}}
{{- fail (printf "%s.auth.kubernetes.role: write {env: KEYTURN_VAULT_ROLE}: workers and schedulers have roles of their own (vault.roles)" $field) -}}
{{- end -}}
{{- if ne (dig "token" "file" "" $auth) "/var/run/secrets/vault/token" -}}
{{- fail (printf "%s.auth.kubernetes.token: write {file: /var/run/secrets/vault/token}: pods have no other token for Vault" $field) -}}
{{- end -}}
{{- end -}}
{{- if $store.address -}}
{{- include "keyturn.checkPort" (dict "root" $ "rule" "vault" "field" (printf "%s.address" $field) "address" $store.address) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A port that the NetworkPolicy closes would look like a server that is away. */ -}}
{{- define "keyturn.checkPort" -}}
{{- $host := .address -}}
{{- $port := hasPrefix "http://" .address | ternary "80" "443" -}}
{{- if contains "://" .address -}}
{{- $host = (urlParse .address).host -}}
{{- end -}}
{{- if regexMatch ":[0-9]+$" $host -}}
{{- $port = regexFind "[0-9]+$" $host -}}
{{- end -}}
{{- $open := list -}}
{{- range (index .root.Values.networkPolicy .rule).ports -}}
{{- $open = append $open (toString .) -}}
{{- end -}}
{{- if and .root.Values.networkPolicy.enabled (not (has $port $open)) -}}
{{- fail (printf "networkPolicy.%s.ports: %s of %s is not among them" .rule $port .field) -}}
{{- end -}}
{{- end -}}
