{{/* The configuration file of the server: docs/reference/configuration.md. */}}
{{- define "letterlock.configuration" -}}
{{- $host := printf "letterlock.%s.svc" .Release.Namespace }}
trustDomain: {{ .Values.ca.trustDomain }}
{{- if eq .Values.mode "transient" }}
store:
  memory: {}
{{- else }}
store:
  etcd:
    endpoints:
      {{- include "letterlock.etcdEndpoints" . | trim | nindent 6 }}
    caFile: /etc/letterlock/etcd/ca.crt
    certFile: /etc/letterlock/etcd/tls.crt
    keyFile: /etc/letterlock/etcd/tls.key
{{- end }}
listen:
  direct: 0.0.0.0:8443
  health: 0.0.0.0:9090
publicOrigins:
  - https://{{ $host }}:8443
  - https://{{ $host }}.cluster.local:8443
  - https://localhost:8443
  {{- range $index := until (int (include "letterlock.replicas" .)) }}
  - https://letterlock-server-{{ $index }}.letterlock-server.{{ $.Release.Namespace }}.svc:8443
  {{- end }}
init:
  certificates:
    {{- range $index, $_ := .Values.init.certificates }}
    - /etc/letterlock/admins/{{ $index }}.crt
    {{- end }}
  threshold: {{ .Values.init.threshold }}
  {{- if .Values.init.acceptSingleHolder }}
  acceptSingleHolder: true
  {{- end }}
{{- with .Values.pinnedInstanceKey }}
pinnedInstanceKey: {{ . }}
{{- end }}
peerUnseal: {{ .Values.peerUnseal | quote }}
log:
  level: {{ .Values.logLevel }}
{{- end }}
