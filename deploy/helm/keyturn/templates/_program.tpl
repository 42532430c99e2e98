{{- /*
A program: its ServiceAccount, Deployment and PodDisruptionBudget.
(dict "root" $ "program" NAME "metrics" PORT "grace" SECONDS)
*/ -}}
{{- define "keyturn.program" -}}
{{- $v := .root.Values -}}
{{- $own := index $v .program -}}
{{- if $v.serviceAccounts.create }}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "keyturn.metadata" . | nindent 2 }}
  {{- with $v.serviceAccounts.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
---
{{- end }}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "keyturn.metadata" . | nindent 2 }}
spec:
  replicas: {{ int $own.replicas }}
  strategy:
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0} # one after the other: docs/upgrade.md
  selector:
    matchLabels:
      {{- include "keyturn.selector" . | nindent 6 }}
  template:
    metadata:
      # No checksum of the configuration: programs read it again by themselves, and a roll-out would only interrupt them.
      {{- with $v.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
      labels:
        {{- include "keyturn.selector" . | nindent 8 }}
        {{- with $v.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "keyturn.podSpec" . | nindent 6 }}
      terminationGracePeriodSeconds: {{ int .grace }}
      {{- with $v.topologySpread }}
      topologySpreadConstraints:
        {{- range . }}
        - {{ toYaml . | indent 10 | trim }}
          matchLabelKeys: [pod-template-hash]
          labelSelector:
            matchLabels:
              {{- include "keyturn.selector" $ | nindent 14 }}
        {{- end }}
      {{- end }}
      containers:
        - name: {{ .program }}
          command: [{{ .program }}, -config, /etc/keyturn/config/keyturn.yaml, -listen, ":{{ .metrics }}"]
          {{- with $own.extraArgs }}
          args: {{- toYaml . | nindent 12 }}
          {{- end }}
          ports:
            - {name: metrics, containerPort: {{ .metrics }}}
            {{- if eq .program "console" }}
            - {name: pages, containerPort: {{ int $own.port }}}
            {{- end }}
          {{- include "keyturn.container" . | nindent 10 }}
          {{- include "keyturn.probes" . | nindent 10 }}
{{- if $v.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "keyturn.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ $v.podDisruptionBudget.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow # while Vault is away no pod is ready, and nodes can be drained all the same
  selector:
    matchLabels:
      {{- include "keyturn.selector" . | nindent 6 }}
{{- end }}
{{- end -}}

{{- /*
What /readyz misses, a restart does not bring: a Vault that is away makes a pod not ready, and restarts none. A console serves
its pages all the same: one token that cannot be read, or a Redis that is away, must not take them from everyone.
*/ -}}
{{- define "keyturn.probes" -}}
startupProbe: # a large inventory takes seconds, a Vault that answers slowly some more
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 90
livenessProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: {{ eq .program "console" | ternary "/healthz" "/readyz" }}, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 7 # /readyz gives what it asks 4.5 s
{{- end -}}
