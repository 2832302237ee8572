#!/bin/sh
# Runs the stories on a real cluster; see e2e/README.md.
# Must never run with another Node than the one that the checkout pins.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export PATH="$here/../node_modules/.bin:$PATH"
exec node --conditions=@letterlock/source --disable-warning=ExperimentalWarning "$here/run/main.ts" "$@"
