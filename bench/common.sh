# Shared by bench.sh and peers.sh: the cache folder, the generator, etcd, the namespace.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/letterlock/bench
mkdir -p "$cache/bin" "$cache/work"
letterlock=$here/../packages/cli/bin/letterlock

build_generator() {
  (cd "$here/loadgen" && CGO_ENABLED=0 GOFLAGS=-buildvcs=false go build -trimpath -o "$cache/bin/loadgen" .)
}

# The same program as the tests use, at the version that is pinned there.
build_etcd() { etcd=$("$here/../tools/etcd/build.sh"); }

# As root, runs the script again in a network namespace that has nothing but loopback.
alone() {
  if [ -z "${BENCH_ALONE:-}" ] && [ "$(id -u)" = 0 ] && command -v ip >/dev/null && unshare --net true 2>/dev/null; then
    BENCH_ALONE=1 exec unshare --net -- sh -c 'ip link set lo up && exec "$@"' sh "$@"
  fi
}
