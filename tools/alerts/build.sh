#!/bin/sh
# Builds the program that holds alert rules to scraped metrics into the cache folder, once for each source; prints its path.
# It must never build into the checkout.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
version=$(cat "$here"/*.go "$here/go.mod" "$here/go.sum" | sha256sum | cut -c 1-16)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/letterlock/alerts-$version
if [ ! -x "$folder/alerts" ]; then
  command -v go >/dev/null || { echo 'Cannot build the reader of alert rules: Go is missing' >&2; exit 1; }
  echo "Building the reader of alert rules into $folder; this takes a minute, once" >&2
  mkdir -p "$folder"
  (cd "$here" && CGO_ENABLED=0 GOFLAGS=-buildvcs=false go build -trimpath -o "$folder/alerts.$$" .)
  mv "$folder/alerts.$$" "$folder/alerts"
fi
echo "$folder/alerts"
