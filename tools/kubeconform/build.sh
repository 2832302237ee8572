#!/bin/sh
# Builds kubeconform, at the version that go.mod pins, into the cache folder, once; prints its path, and the folder of Kubernetes' own schemas.
# It must never take a program or a schema of another version.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sources=$(cat "$here/go.mod" "$here/go.sum" | cksum | tr ' ' -)
program=${XDG_CACHE_HOME:-$HOME/.cache}/letterlock/kubeconform-$sources
command -v go >/dev/null || { echo 'Cannot build kubeconform: Go is missing' >&2; exit 1; }
if [ ! -x "$program" ]; then
  echo "Building $program, once" >&2
  mkdir -p "$(dirname "$program")"
  # Two tests may build at the same time: the last one to finish puts the same program in the same place.
  (cd "$here" && CGO_ENABLED=0 GOFLAGS=-buildvcs=false go build -trimpath -o "$program.$$" github.com/yannh/kubeconform/cmd/kubeconform)
  mv "$program.$$" "$program"
fi
echo "$program"
cd "$here/../../e2e/cluster/modules/kubernetes"
go mod download k8s.io/kubernetes
echo "$(go list -m -f '{{.Dir}}' k8s.io/kubernetes)/api/openapi-spec/v3"
