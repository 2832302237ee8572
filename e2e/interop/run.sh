#!/bin/sh
# Runs the second client against the shipped program. ARGUMENTS go to pytest, such as -k tampered.
# Must never leave a process behind: the server's fixture ends what it started.
set -eu

cd "$(dirname "$0")"
python=$(./environment.sh interop requirements.txt)
echo 'A client in Python, written from docs/protocol.md, against the shipped program:'
PYTHONDONTWRITEBYTECODE=1 exec "$python" -m pytest -p closing_line -p no:cacheprovider --no-header --tb=short -v "$@"
