#!/bin/sh
# Measures Letterlock alone: every size and concurrency, then the latency with many stored wraps. Arguments go to the generator.
#   bench/bench.sh                        all rows, about five minutes
#   bench/bench.sh -concurrency 16 -sizes 1024 -repeat 3
#   bench/bench.sh -stored 1000000 -concurrency 1 -sizes 1024
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
alone "$0" "$@"
build_generator
exec "$cache/bin/loadgen" -letterlock "$letterlock" -work "$cache/work" "$@"
