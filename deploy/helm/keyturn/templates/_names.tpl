{{- define "keyturn.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* What pods are selected by, of a program: (dict "root" $ "program" NAME). It never changes. */ -}}
{{- define "keyturn.selector" -}}
app.kubernetes.io/name: keyturn
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .program }}
{{- end -}}

{{- /* Name, namespace and labels of what belongs to a program. */ -}}
{{- define "keyturn.metadata" -}}
name: {{ include "keyturn.fullname" .root }}-{{ .program }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "keyturn.labels" . | nindent 2 }}
{{- end -}}

{{- define "keyturn.labels" -}}
{{- include "keyturn.selector" . }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | regexFind "^[^@]*" | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end -}}

{{- define "keyturn.configMap" -}}
{{- .Values.existingConfigMap | default (include "keyturn.fullname" .) -}}
{{- end -}}
