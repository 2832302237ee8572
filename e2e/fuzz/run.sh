#!/bin/sh
# Sends generated requests to the shipped program and holds each answer to the OpenAPI document. ARGUMENTS go to pytest.
# FUZZ_SEED chooses other requests, FUZZ_EXAMPLES their number for each route and caller.
# Must never leave a process behind: the server's fixture ends what it started.
set -eu

cd "$(dirname "$0")"
python=$(../interop/environment.sh fuzz requirements.txt)
export FUZZ_SEED="${FUZZ_SEED:-1}" FUZZ_EXAMPLES="${FUZZ_EXAMPLES:-30}"
echo "Generated requests against the OpenAPI document: seed $FUZZ_SEED, $FUZZ_EXAMPLES for each route and caller"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=../interop exec "$python" -m pytest \
  -p closing_line -p no:cacheprovider -p no:schemathesis --no-header --tb=short -rN -v "$@"
