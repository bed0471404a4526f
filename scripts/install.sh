#!/bin/bash
# Installs what the build and the tests need on a Debian machine; says nothing when all is there.
# Debian packages only; Rust itself comes from rustup where the distribution's is too old.
set -euo pipefail

RUST_MIN=1.95

missing=()
need() { # command, package
    command -v "$1" >/dev/null || missing+=("$2")
}
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get "$@"
}
can_install() { # what
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || {
        echo "not root and no sudo: please install $1" >&2
        exit 1
    }
}
need g++ g++
need make make
need python3 python3
need redis-server redis-server
need redis-benchmark redis-tools
# bindgen reads RocksDB's C header through libclang, and libclang needs its own stddef.h and friends.
compgen -G "/usr/lib/x86_64-linux-gnu/libclang*.so*" >/dev/null || compgen -G "/usr/lib/llvm-*/lib/libclang*.so*" >/dev/null ||
    compgen -G "/usr/lib/aarch64-linux-gnu/libclang*.so*" >/dev/null || missing+=(libclang-dev)
compgen -G "/usr/lib/llvm-*/lib/clang/*/include/stddef.h" >/dev/null || missing+=(libclang-dev)

if ((${#missing[@]})); then
    mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
    echo "installing: ${missing[*]}"
    can_install "${missing[*]}"
    # The redis-server package would start a server on 6379, where ours wants to be.
    policy=/usr/sbin/policy-rc.d
    if [[ " ${missing[*]} " == *" redis-server "* && ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod +x $policy
        trap 'as_root rm -f $policy' EXIT
    fi
    apt_get update -qq
    apt_get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if ! command -v cargo >/dev/null; then
    if apt-cache policy rustup 2>/dev/null | grep -q 'Candidate: [0-9]'; then
        echo "installing: rustup"
        can_install rustup
        apt_get install -y -qq rustup >/dev/null && rustup default stable
    else
        echo "Rust is missing: install it from https://rustup.rs and run this again" >&2
        exit 1
    fi
fi
have=$(rustc --version | cut -d' ' -f2)
if [ "$(printf '%s\n' "$RUST_MIN" "$have" | sort -V | head -1)" != "$RUST_MIN" ]; then
    echo "Rust $have is too old: $RUST_MIN or newer is needed (rustup update stable)" >&2
    exit 1
fi
