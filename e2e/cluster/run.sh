#!/bin/sh
# Boots and ends the test cluster; `run.sh` alone lists the commands.
# Must never use a Kubernetes program that the machine happens to have.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec "$here/../../node_modules/.bin/node" --disable-warning=ExperimentalWarning "$here/main.ts" "$@"
