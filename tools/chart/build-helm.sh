#!/bin/sh
# Builds Helm, at the version that the test cluster's go.mod pins, into the cache folder, once; prints its path.
# It must never take a program that was built from other sources.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
module=$here/../../e2e/cluster/modules/helm
sources=$(cat "$module/go.mod" "$module/go.sum" | cksum | tr ' ' -)
program=${XDG_CACHE_HOME:-$HOME/.cache}/letterlock/helm-$sources
if [ ! -x "$program" ]; then
  command -v go >/dev/null || { echo 'Cannot build Helm: Go is missing' >&2; exit 1; }
  echo "Building $program, once" >&2
  mkdir -p "$(dirname "$program")"
  # Two tests may build at the same time: the last one to finish puts the same program in the same place.
  (cd "$module" && CGO_ENABLED=0 GOFLAGS=-buildvcs=false go build -trimpath -ldflags '-s -w' -o "$program.$$" helm.sh/helm/v4/cmd/helm)
  mv "$program.$$" "$program"
fi
echo "$program"
