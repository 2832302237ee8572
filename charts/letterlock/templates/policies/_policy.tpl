{{/* A guard and its binding. Takes a dict: root, name, rules, and optionally variables, conditions, namespaces; validations. */}}
{{- define "letterlock.policy" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: letterlock-{{ .name }}
  labels:
    {{- include "letterlock.labels" .root | nindent 4 }}
    app.kubernetes.io/component: guard
spec:
  failurePolicy: Fail
  matchConstraints:
    matchPolicy: Equivalent
    {{- with .namespace }}
    namespaceSelector:
      matchLabels:
        kubernetes.io/metadata.name: {{ . }}
    {{- end }}
    resourceRules:
      - apiGroups: ['']
        apiVersions: [v1]
        operations:
          {{- toYaml .operations | nindent 10 }}
        resources:
          {{- toYaml .resources | nindent 10 }}
        scope: Namespaced
  {{- with .conditions }}
  matchConditions:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .variables }}
  variables:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  validations:
    {{- toYaml .validations | nindent 4 }}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: letterlock-{{ .name }}
  labels:
    {{- include "letterlock.labels" .root | nindent 4 }}
    app.kubernetes.io/component: guard
spec:
  policyName: letterlock-{{ .name }}
  validationActions: [Deny]
{{- end }}
