{{- /* What pods of a program are made of, and the doctor's, which has a worker's rights: (dict "root" $ "program" NAME). */ -}}

{{- define "keyturn.podSpec" -}}
{{- $v := .root.Values -}}
serviceAccountName: {{ include "keyturn.fullname" .root }}-{{ .program }}
automountServiceAccountToken: false # what a program needs of it is mounted below, for whom it is meant
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532 # Secrets belong to this group, and no one else reads them
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with $v.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $v.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
volumes:
  {{- include "keyturn.volumes" . | nindent 2 }}
{{- end -}}

{{- define "keyturn.container" -}}
{{- $v := .root.Values -}}
{{- $own := index $v .program -}}
image: "{{ $v.image.repository }}:{{ $v.image.tag | default .root.Chart.AppVersion }}"
imagePullPolicy: {{ $v.image.pullPolicy }}
workingDir: /etc/keyturn/config # where rotatectl finds keyturn.yaml, in `kubectl exec`
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- $vault := and $v.vault.kubernetesAuth (ne .program "console") }}
{{- if or $vault $own.env }}
env:
  {{- if $vault }}
  - name: KEYTURN_VAULT_ROLE
    value: {{ index $v.vault.roles .program | quote }}
  {{- end }}
  {{- with $own.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
resources: {{- toYaml $own.resources | nindent 2 }}
volumeMounts:
  {{- include "keyturn.mounts" . | nindent 2 }}
{{- end -}}

{{- /* Mounted as whole folders: a mount of a single file (subPath) would never see a change. */ -}}
{{- define "keyturn.mounts" -}}
{{- $v := .root.Values -}}
{{- $own := index $v .program -}}
- {name: config, mountPath: /etc/keyturn/config, readOnly: true}
{{- if or $v.inventory.existingConfigMap $v.inventory.existingClaim }}
- {name: inventory, mountPath: /etc/keyturn/inventory, readOnly: true}
{{- end }}
{{- range $i, $name := $v.configMaps }}
- {name: configmap-{{ $i }}, mountPath: /etc/keyturn/configmaps/{{ $name }}, readOnly: true}
{{- end }}
{{- range $i, $name := concat $v.secrets $own.secrets | uniq }}
- {name: secret-{{ $i }}, mountPath: /etc/keyturn/secrets/{{ $name }}, readOnly: true}
{{- end }}
{{- if and $v.vault.kubernetesAuth (ne .program "console") }}
- {name: vault-token, mountPath: /var/run/secrets/vault, readOnly: true}
{{- end }}
{{- if $own.restarts }}
- {name: kubernetes-token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end }}
{{- with $own.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "keyturn.volumes" -}}
{{- $v := .root.Values -}}
{{- $own := index $v .program -}}
- name: config
  configMap: {name: {{ include "keyturn.configMap" .root }}}
{{- if $v.inventory.existingConfigMap }}
- name: inventory
  configMap: {name: {{ $v.inventory.existingConfigMap }}}
{{- else if $v.inventory.existingClaim }}
- name: inventory
  persistentVolumeClaim: {claimName: {{ $v.inventory.existingClaim }}, readOnly: true}
{{- end }}
{{- range $i, $name := $v.configMaps }}
- name: configmap-{{ $i }}
  configMap: {name: {{ $name }}}
{{- end }}
{{- range $i, $name := concat $v.secrets $own.secrets | uniq }}
- name: secret-{{ $i }}
  secret: {secretName: {{ $name }}, defaultMode: 0440}
{{- end }}
{{- if and $v.vault.kubernetesAuth (ne .program "console") }}
- name: vault-token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: {path: token, audience: {{ $v.vault.audience | quote }}, expirationSeconds: {{ int $v.vault.tokenSeconds }}}
{{- end }}
{{- if $own.restarts }}
- name: kubernetes-token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3600}
      - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- with $own.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
