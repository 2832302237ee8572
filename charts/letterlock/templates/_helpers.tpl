{{/* Names and pieces that several templates share. There is one installation in a cluster, so names are fixed. */}}

{{- define "letterlock.server" -}}letterlock-server{{- end }}
{{- define "letterlock.etcd" -}}letterlock-etcd{{- end }}
{{- define "letterlock.webhookConfiguration" -}}letterlock-injector{{- end }}
{{- define "letterlock.webhookService" -}}letterlock-webhook{{- end }}
{{- define "letterlock.webhookSecret" -}}letterlock-webhook-tls{{- end }}

{{- define "letterlock.labels" -}}
app.kubernetes.io/name: letterlock
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* What selects the pods of one component; never changes. Takes a list: root, component. */}}
{{- define "letterlock.selector" -}}
app.kubernetes.io/name: letterlock
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* An image as the kubelet pulls it. Takes a list: image values, default tag. */}}
{{- define "letterlock.image" -}}
{{- $image := index . 0 -}}
{{- with $image.registry }}{{ . }}/{{ end }}{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default (index . 1) }}{{ end }}
{{- end }}

{{- define "letterlock.replicas" -}}
{{- if ne (toString .Values.replicas) "<nil>" }}{{ .Values.replicas }}{{ else }}{{ ternary 1 3 (eq .Values.mode "transient") }}{{ end }}
{{- end }}

{{/* Digests of server images that a replica may run to be unsealed by another one, as a YAML list. */}}
{{- define "letterlock.serverDigests" -}}
{{- concat (ternary (list .Values.image.digest) list (ne .Values.image.digest "")) .Values.attest.images | uniq | toYaml }}
{{- end }}

{{/* User name of the server's ServiceAccount in admission. */}}
{{- define "letterlock.serverUser" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ .Values.serviceAccount.name }}
{{- end }}

{{/* Secret with the server's client certificate for etcd. */}}
{{- define "letterlock.etcdClientSecret" -}}
{{- if eq .Values.etcd.mode "external" }}{{ .Values.etcd.tls.secretName }}{{ else }}letterlock-etcd-client{{ end }}
{{- end }}

{{- define "letterlock.etcdEndpoints" -}}
{{- if eq .Values.etcd.mode "external" -}}
{{- .Values.etcd.endpoints | toYaml }}
{{- else -}}
{{- range $index := until (int .Values.etcd.replicas) }}
- https://letterlock-etcd-{{ $index }}.letterlock-etcd.{{ $.Release.Namespace }}.svc:2379
{{- end }}
{{- end }}
{{- end }}

{{/* A duration, such as 1h30m, in seconds. */}}
{{- define "letterlock.seconds" -}}
{{- $hours := regexFind "[0-9]+h" . | trimSuffix "h" | default "0" | int64 -}}
{{- $minutes := regexFind "[0-9]+m" . | trimSuffix "m" | default "0" | int64 -}}
{{- $seconds := regexFind "[0-9]+s" . | trimSuffix "s" | default "0" | int64 -}}
{{- add (mul $hours 3600) (mul $minutes 60) $seconds -}}
{{- end }}

{{/* What the server would refuse about lifetimes, one line each. */}}
{{- define "letterlock.lifetimeFaults" -}}
{{- $leaf := include "letterlock.seconds" .Values.ca.leafTTL | int64 -}}
{{- $authority := include "letterlock.seconds" .Values.ca.authorityTTL | int64 -}}
{{- $overlap := include "letterlock.seconds" .Values.ca.overlap | int64 -}}
{{- $before := div $authority 3 -}}
{{- with .Values.ca.renewBefore }}{{- $before = include "letterlock.seconds" . | int64 -}}{{- end -}}
{{- if or (lt $leaf 120) (gt $leaf 3600) }}
ca.leafTTL: got {{ .Values.ca.leafTTL }}, need 2m to 1h
{{- end }}
{{- if or (lt $overlap 30) (gt $overlap 86400) }}
ca.overlap: got {{ .Values.ca.overlap }}, need 30s to 24h
{{- end }}
{{- if gt $authority 31536000 }}
ca.authorityTTL: got {{ .Values.ca.authorityTTL }}, need at most 8760h
{{- end }}
{{- if lt $before (add $overlap $leaf) }}
ca.renewBefore: got {{ $before }}s, need at least ca.overlap and ca.leafTTL together, {{ add $overlap $leaf }}s
{{- end }}
{{- if lt $authority (add $before $overlap) }}
ca.authorityTTL: got {{ .Values.ca.authorityTTL }}, need at least ca.renewBefore and ca.overlap together, {{ add $before $overlap }}s
{{- end }}
{{- end }}

{{/* What is wrong with the values as a whole, one line each; empty: nothing. */}}
{{- define "letterlock.faults" -}}
{{- include "letterlock.lifetimeFaults" . | trim }}
{{- $certificates := len .Values.init.certificates -}}
{{- if eq $certificates 0 }}
init.certificates: need the certificates of at least two admins; "letterlock quickstart" makes them and a values file
{{- end }}
{{- if and (eq $certificates 1) (not .Values.init.acceptSingleHolder) }}
init.certificates: got 1, need at least 2, since with one a lost key loses all data; init.acceptSingleHolder accepts that
{{- end }}
{{- if gt (int .Values.init.threshold) $certificates }}
init.threshold: got {{ .Values.init.threshold }}, need at most the number of init.certificates, {{ $certificates }}
{{- end }}
{{- if and (eq .Values.mode "transient") (gt (int (include "letterlock.replicas" .)) 1) }}
replicas: got {{ include "letterlock.replicas" . }}, need 1 in transient mode, where each replica would have its own memory
{{- end }}
{{- if and (eq .Values.mode "durable") (eq .Values.etcd.mode "external") }}
{{- if not .Values.etcd.endpoints }}
etcd.endpoints: need the members of the external etcd
{{- end }}
{{- if not .Values.etcd.tls.secretName }}
etcd.tls.secretName: need the Secret with the client certificate for the external etcd
{{- end }}
{{- end }}
{{- end }}

{{/* What is allowed and should not be, one line each. */}}
{{- define "letterlock.warnings" -}}
{{- if eq .Values.webhook.failurePolicy "Ignore" }}
webhook.failurePolicy is Ignore: while no replica answers, pods that ask for secrets start without them
{{- end }}
{{- if not (or .Values.webhook.namespaceSelector.matchExpressions .Values.webhook.namespaceSelector.matchLabels) }}
webhook.namespaceSelector selects everything: pods of system namespaces may be injected, and wait for a service that may need them
{{- end }}
{{- if and (eq .Values.mode "durable") (eq .Values.peerUnseal "attested") (not (include "letterlock.serverDigests" . | fromYamlArray)) }}
attest.images is empty and image.digest too: no replica is unsealed by another one, so each that restarts waits for admins
{{- end }}
{{- if not .Values.policies.enabled }}
policies.enabled is false: whoever may edit a namespace can mint the tokens that enrolment believes
{{- end }}
{{- end }}

{{- define "letterlock.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "letterlock.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
privileged: false
readOnlyRootFilesystem: true
{{- end }}
