#!/bin/sh
# Measures what Kubernetes adds: admission, enrolment, the start of pods. Boots a cluster for what needs one (see e2e/cluster).
#   bench/kubernetes.sh                       everything, about five minutes
#   bench/kubernetes.sh pod-start --pods 50
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export PATH="$here/../node_modules/.bin:$PATH"
exec node --conditions=@letterlock/source --disable-warning=ExperimentalWarning "$here/kubernetes/main.ts" "$@"
