#!/bin/sh
# Boots and ends the test cluster; `run.sh` alone lists the commands.
# Must never use a Kubernetes program that the machine happens to have.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export PATH="$here/../../node_modules/.bin:$PATH"
exec node --disable-warning=ExperimentalWarning "$here/main.ts" "$@"
