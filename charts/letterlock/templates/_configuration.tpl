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
  grpc: 0.0.0.0:9443
  webhook: 0.0.0.0:10250
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
ca:
  leafTTL: {{ .Values.ca.leafTTL }}
  authorityTTL: {{ .Values.ca.authorityTTL }}
  {{- with .Values.ca.renewBefore }}
  renewBefore: {{ . }}
  {{- end }}
  overlap: {{ .Values.ca.overlap }}
attest:
  kubernetes:
    container: server
    {{- with include "letterlock.serverDigests" . | fromYamlArray }}
    images:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- if eq .Values.mode "durable" }}
peers:
  {{- range $index := until (int (include "letterlock.replicas" .)) }}
  - letterlock-server-{{ $index }}.letterlock-server.{{ $.Release.Namespace }}.svc:9443
  {{- end }}
{{- end }}
kubernetes:
  access: in-cluster
  namespace: {{ .Release.Namespace }}
  checkSourceAddress: {{ .Values.agent.checkSourceAddress }}
  agent:
    image: {{ include "letterlock.image" (list .Values.agent.image .Chart.AppVersion) }}
    {{- with concat (ternary (list .Values.agent.image.digest) list (ne .Values.agent.image.digest "")) .Values.agent.formerDigests }}
    digests:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .Values.agent.formerImages }}
    formerImages:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    imagePullPolicy: {{ .Values.agent.image.pullPolicy }}
    directOrigin: https://{{ $host }}:8443
    target: {{ $host }}:9443
    userId: {{ int .Values.agent.userId }}
    filesGroup: {{ int .Values.agent.filesGroup }}
    logLevel: {{ .Values.agent.logLevel }}
    {{- $requests := .Values.agent.resources.requests | default dict }}
    {{- $limits := .Values.agent.resources.limits | default dict }}
    requestCpu: {{ $requests.cpu | default "none" | quote }}
    requestMemory: {{ $requests.memory | default "none" | quote }}
    limitCpu: {{ $limits.cpu | default "none" | quote }}
    limitMemory: {{ $limits.memory | default "none" | quote }}
  webhook:
    configuration: {{ include "letterlock.webhookConfiguration" . }}
    service: {{ include "letterlock.webhookService" . }}
    secret: {{ include "letterlock.webhookSecret" . }}
    {{- if .Values.webhook.certificateSecret }}
    certFile: /etc/letterlock/webhook/tls.crt
    keyFile: /etc/letterlock/webhook/tls.key
    {{- end }}
log:
  level: {{ .Values.logLevel }}
{{- end }}
