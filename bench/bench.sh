#!/bin/sh
# Measures Letterlock alone: whole cycles, wraps and opens at every size and concurrency, in memory and on etcd. Arguments go to
# the generator.
#   bench/bench.sh                        all rows: in memory about six minutes, on etcd with 1, 2, 3 replicas about five
#   bench/bench.sh -concurrency 16 -sizes 1024 -repeat 3
#   bench/bench.sh -stores etcd,etcd-tmpfs -replicas 1,3 -concurrency 16
#   bench/bench.sh -stored 1000000 -concurrency 1 -sizes 1024     the same servers without and with many stored wraps
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
build_generator
build_etcd
alone "$0" "$@"
run() { "$cache/bin/loadgen" -letterlock "$letterlock" -etcd "$etcd" -work "$cache/work" "$@"; }
if [ $# -gt 0 ]; then
  run "$@"
else
  run -modes cycle,wrap,open
  run -stores etcd,etcd-tmpfs -replicas 1,2,3 -concurrency 16
fi
