#!/bin/sh
# Runs the fault programme on the pinned Node 26. Arguments: --seed 1 --items 1000 --faults 24 --only part-of-a-name --single
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export PATH="$here/../../node_modules/.bin:$PATH"
exec node --conditions=@letterlock/source --disable-warning=ExperimentalWarning "$here/main.ts" "$@"
