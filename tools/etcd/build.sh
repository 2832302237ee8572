#!/bin/sh
# Builds etcd, at the version that go.mod pins, into the cache folder, once; prints the path of the program.
# It must never take an etcd that the machine happens to have.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's|^require go\.etcd\.io/etcd/server/v3 v||p' "$here/go.mod")
folder=${XDG_CACHE_HOME:-$HOME/.cache}/letterlock/etcd-$version
if [ ! -x "$folder/etcd" ]; then
  command -v go >/dev/null || { echo 'Cannot build etcd: Go is missing' >&2; exit 1; }
  echo "Building etcd $version into $folder; this takes a minute or two, once" >&2
  mkdir -p "$folder"
  # Two tests may build at the same time: the last one to finish puts the same program in the same place.
  (cd "$here" && CGO_ENABLED=0 GOFLAGS=-buildvcs=false go build -trimpath -o "$folder/etcd.$$" .)
  mv "$folder/etcd.$$" "$folder/etcd"
fi
echo "$folder/etcd"
