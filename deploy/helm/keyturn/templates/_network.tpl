{{- define "keyturn.from" -}}
- ports:
    - {port: {{ int .port }}, protocol: TCP}
  {{- with .from }}
  from: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- /* What a program reaches: what it needs, and nothing else. */ -}}
{{- define "keyturn.egress" -}}
{{- $rules := .root.Values.networkPolicy -}}
{{- include "keyturn.to" (dict "to" $rules.dns.to "ports" $rules.dns.ports "protocols" (list "UDP" "TCP")) }}
{{ include "keyturn.to" $rules.redis }}
{{- if ne .program "console" }}
{{ include "keyturn.to" $rules.vault }}
{{- end }}
{{- if eq .program "worker" }}
{{ include "keyturn.to" $rules.providers }}
{{- if .root.Values.worker.restarts }}
{{ include "keyturn.to" $rules.kubernetes }}
{{- end }}
{{- end }}
{{- if and (eq .program "console") $rules.issuer.ports }}
{{ include "keyturn.to" $rules.issuer }}
{{- end }}
{{- end -}}

{{- define "keyturn.to" -}}
- ports:
    {{- $protocols := .protocols | default (list "TCP") }}
    {{- range $port := .ports }}
    {{- range $protocols }}
    - {port: {{ int $port }}, protocol: {{ . }}}
    {{- end }}
    {{- end }}
  {{- with .to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
