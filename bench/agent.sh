#!/bin/sh
# Measures the agent's memory: a real agent at a real server in this machine, about a minute. Linux only.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/node_modules/.bin:$PATH
NODE_OPTIONS='--experimental-vm-modules --disable-warning=ExperimentalWarning' exec jest --config jest.bench.config.js
