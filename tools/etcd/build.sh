#!/bin/sh
# Builds etcd and its tools (etcdctl, etcdutl), at the version that go.mod pins, into the cache folder, once; prints the path of etcd.
# It must never take an etcd that the machine happens to have.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's|.*go\.etcd\.io/etcd/server/v3 v||p' "$here/go.mod")
folder=${XDG_CACHE_HOME:-$HOME/.cache}/letterlock/etcd-$version

build() { # name of the program, package
  [ -x "$folder/$1" ] && return 0
  command -v go >/dev/null || { echo "Cannot build $1: Go is missing" >&2; exit 1; }
  echo "Building $1 $version into $folder; this takes a minute or two, once" >&2
  mkdir -p "$folder"
  # Two tests may build at the same time: the last one to finish puts the same program in the same place.
  (cd "$here" && CGO_ENABLED=0 GOFLAGS=-buildvcs=false go build -trimpath -o "$folder/$1.$$" "$2")
  mv "$folder/$1.$$" "$folder/$1"
}

build etcd .
if [ "${1:-}" = --with-tools ]; then
  build etcdctl go.etcd.io/etcd/etcdctl/v3
  build etcdutl go.etcd.io/etcd/etcdutl/v3
fi
echo "$folder/etcd"
