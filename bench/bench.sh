#!/bin/sh
# Measures Letterlock alone: whole cycles, wraps and opens at every size and concurrency. Arguments go to the generator.
#   bench/bench.sh                        all rows, about six minutes
#   bench/bench.sh -concurrency 16 -sizes 1024 -repeat 3
#   bench/bench.sh -stored 1000000 -concurrency 1 -sizes 1024     with many stored wraps, a quarter of an hour
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
alone "$0" "$@"
if [ $# -eq 0 ]; then set -- -modes cycle,wrap,open; fi
build_generator
exec "$cache/bin/loadgen" -letterlock "$letterlock" -work "$cache/work" "$@"
