#!/bin/sh
# Prints the Python of a virtual environment that holds exactly a requirements file, and makes it when it is not in the cache.
# Must never install anything whose hash the file does not name.
set -eu

name=$1
requirements=$2

fail() {
  echo "Cannot make the Python environment: $1" >&2
  exit 1
}

command -v python3 >/dev/null || fail 'python3 is not installed, need 3.10 or newer'
version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "python3 is $version, need 3.10 or newer"
hash=$(python3 -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read() + sys.version.encode()).hexdigest()[:16])' "$requirements")
folder="${XDG_CACHE_HOME:-$HOME/.cache}/letterlock/$name-$hash"

if [ ! -e "$folder/complete" ]; then
  echo "Installing $(grep -c '==' "$requirements") pinned Python packages at most, into $folder" >&2
  rm -rf "$folder"
  python3 -m venv "$folder" || fail "python3 $version has no venv, install its venv package"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --only-binary :all: --requirement "$requirements" >&2
  touch "$folder/complete"
  echo 'Installed' >&2
fi
echo "$folder/bin/python"
