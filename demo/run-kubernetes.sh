#!/bin/sh
# Runs the demonstration on Kubernetes, on the pinned Node 26.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export PATH="$here/../node_modules/.bin:$PATH"
exec node --conditions=@letterlock/source --disable-warning=ExperimentalWarning "$here/kubernetes/main.ts" "$@"
