#!/bin/sh
# Builds the checker of Pod Security, at the versions that go.mod pins, into the cache folder, once; prints its path.
# It must never take a program that was built from other sources.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sources=$(cat "$here/go.sum" "$here/main.go" | cksum | tr ' ' -)
program=${XDG_CACHE_HOME:-$HOME/.cache}/letterlock/pod-security-$sources
if [ ! -x "$program" ]; then
  command -v go >/dev/null || { echo 'Cannot build the checker of Pod Security: Go is missing' >&2; exit 1; }
  echo "Building $program, once" >&2
  mkdir -p "$(dirname "$program")"
  # Two tests may build at the same time: the last one to finish puts the same program in the same place.
  (cd "$here" && CGO_ENABLED=0 GOFLAGS=-buildvcs=false go build -trimpath -o "$program.$$" .)
  mv "$program.$$" "$program"
fi
echo "$program"
