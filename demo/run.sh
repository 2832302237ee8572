#!/bin/sh
# Runs the demonstration on the pinned Node 26.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec "$here/../node_modules/.bin/node" --conditions=@letterlock/source --disable-warning=ExperimentalWarning "$here/demo.ts" "$@"
