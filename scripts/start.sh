#!/usr/bin/env bash
# Builds rrnetd and starts it on embedded defaults, with a demo tenant the first time and a word on what to try next.
#
#   scripts/start.sh                                   everything is kept in ./rrnetd-data
#   scripts/start.sh --data DIR --set http.listen=…    as `rrnetd quickstart --help` says
#
# Needs a Rust toolchain. Installs a C compiler (for the embedded database) and radclient when they are missing, as root or
# through sudo; without either it goes on and says what will be missing.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()
command -v cc >/dev/null || packages+=(gcc libc6-dev)
command -v make >/dev/null || packages+=(make) # builds the allocator
command -v radclient >/dev/null || packages+=(freeradius-utils)
if ((${#packages[@]} > 0)); then
    as_root=()
    if ((EUID != 0)); then as_root=(sudo); fi
    echo "installing: ${packages[*]}"
    if ! { "${as_root[@]}" apt-get -qq update &&
        DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get -qq install -y --no-install-recommends "${packages[@]}"; }; then
        echo "start: ${packages[*]} could not be installed; going on without" >&2
    fi
fi
command -v cargo >/dev/null || {
    echo "start: cargo is missing: install the Rust toolchain first" >&2
    exit 2
}

cargo build --release --locked --bin rrnetd
exec "${CARGO_TARGET_DIR:-target}/release/rrnetd" quickstart "$@"
