#!/usr/bin/env bash
# Unpacks a server bundle into an empty root and runs its demo there, without
# any network but a loopback of its own.
#
#   try.sh BUNDLE.tar.gz
#
# The root holds the bundle, the C library that the programs name, and nothing
# else: no shell, no package, no certificate store. Needs root and Linux
# namespaces; exits 69 where they cannot be had, else as the demo does.
set -euo pipefail

bundle=$(realpath "${1:?the archive that ./run bundle made}")

fail() {
  echo "try.sh: $1" >&2
  exit 69
}

[[ $(id -u) -eq 0 ]] || fail "needs root, to make an empty root and a network of its own"
command -v ip >/dev/null || fail "ip is missing (Debian: apt-get install iproute2)"
unshare --net --mount --pid --fork true 2>/dev/null || fail "this machine lets nobody make namespaces"

root=$(mktemp -d "${TMPDIR:-/tmp}/kbwatch-root.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
mkdir -p "$root"/{proc,dev,tmp,etc,kbwatch}
tar -xzf "$bundle" -C "$root/kbwatch" --strip-components=1
(cd "$root/kbwatch" && sha256sum --check --quiet SHA256SUMS) || fail "the bundle is damaged"
echo '127.0.0.1 localhost' >"$root/etc/hosts"

# The C library, found as the loader would find it.
ldd "$root"/kbwatch/bin/* "$root"/kbwatch/lib/*.so | grep -o '/[^ ]*' | grep -v ':$' | sort -u |
  while read -r library; do
    install -D "$(realpath "$library")" "$root$library"
  done

export root
# shellcheck disable=SC2016 # expanded by the inner shell
unshare --net --mount --pid --fork --kill-child bash -euc '
  ip link set lo up
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/tmp"
  exec env -i PATH="$PATH" HOME=/tmp RUST_LOG="${RUST_LOG:-warn}" \
    chroot "$root" /kbwatch/bin/kbwatch demo --once
'
