#!/bin/sh
# Puts pkcs11-tool and SoftHSM, a smart card in software, where the tests find them; prints the folder that holds
# bin/pkcs11-tool, bin/softhsm2-util and libsofthsm2.so. What the machine has is linked; else Debian's packages are unpacked there.
# It must never install anything outside that folder, nor need root.
set -eu

fail() {
  echo "Cannot get smart cards for the tests: $1; install softhsm2 and opensc" >&2
  exit 1
}

[ -r /etc/os-release ] && . /etc/os-release
target=${XDG_CACHE_HOME:-$HOME/.cache}/letterlock/smart-cards-${ID:-unknown}-${VERSION_ID:-0}-$(uname -m)

# Whether both programs start and the module loads; a token folder that is empty is enough for that.
works() {
  [ -e "$target/libsofthsm2.so" ] || return 1
  empty=$(mktemp -d)
  echo "directories.tokendir = $empty" >"$empty/softhsm2.conf"
  found=0
  SOFTHSM2_CONF=$empty/softhsm2.conf "$target/bin/pkcs11-tool" --module "$target/libsofthsm2.so" --list-slots >/dev/null 2>&1 &&
    SOFTHSM2_CONF=$empty/softhsm2.conf "$target/bin/softhsm2-util" --show-slots >/dev/null 2>&1 || found=1
  rm -rf "$empty"
  return $found
}

if works; then
  echo "$target"
  exit 0
fi

# One at a time: a second process would take away what the first has just put there. The lock ends with its process.
mkdir -p "$(dirname "$target")"
if command -v flock >/dev/null; then
  exec 9>"$target.lock"
  flock 9
  if works; then
    echo "$target"
    exit 0
  fi
fi

rm -rf "$target"
folder=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/bin" "$folder/root"

module=
for path in /usr/lib/softhsm/libsofthsm2.so /usr/lib64/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so \
  /usr/lib/*/softhsm/libsofthsm2.so /usr/local/lib/softhsm/libsofthsm2.so /opt/homebrew/lib/softhsm/libsofthsm2.so; do
  if [ -e "$path" ]; then module=$path; break; fi
done

if [ -n "$module" ] && command -v pkcs11-tool >/dev/null && command -v softhsm2-util >/dev/null; then
  for program in pkcs11-tool softhsm2-util; do ln -s "$(command -v $program)" "$folder/bin/$program"; done
  ln -s "$module" "$folder/libsofthsm2.so"
else
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail 'this machine has neither them nor apt'
  echo "Unpacking Debian's softhsm2 and opensc into $target, once" >&2
  mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial"
  apt() {
    apt-get -qq -o Debug::NoLocking=true -o APT::Sandbox::User= -o Dir::Cache="$folder/apt" \
      -o Dir::State="$folder/apt" -o Dir::State::status=/var/lib/dpkg/status "$@" >"$folder/apt/log" 2>&1
  }
  # The lists of the machine may be missing or old; its own are fetched into the folder.
  apt update || fail "$(tail -1 "$folder/apt/log")"
  apt install --yes --download-only --no-install-recommends softhsm2 opensc || fail "$(tail -1 "$folder/apt/log")"
  for package in "$folder"/apt/archives/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
  rm -rf "$folder/apt"
  libraries=$(dirname "$(find "$folder/root/usr/lib" -name 'libopensc.so.*' | head -1)")
  libraries=$target/root${libraries#"$folder/root"}
  for program in pkcs11-tool softhsm2-util; do
    # SoftHSM's program looks for its module where the package would have put it.
    [ "$program" = softhsm2-util ] && given="--module $target/libsofthsm2.so" || given=
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s %s "$@"\n' "$libraries" "$target/root/usr/bin/$program" "$given" \
      >"$folder/bin/$program"
    chmod 755 "$folder/bin/$program"
  done
  module=$(cd "$folder" && find root/usr/lib -name libsofthsm2.so | head -1)
  [ -n "$module" ] || fail 'the packages have no libsofthsm2.so'
  ln -s "$module" "$folder/libsofthsm2.so"
fi

# Where the machine has no lock for shells, whoever was first has put the same things there.
[ -e "$target" ] || mv "$folder" "$target"
works || fail 'pkcs11-tool or softhsm2-util does not start'
echo "$target"
