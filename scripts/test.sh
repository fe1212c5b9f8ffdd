#!/usr/bin/env bash
# All tests, as CI runs them: installs what is missing, starts private servers, runs every check, stops what it started.
#
#   scripts/test.sh              what every change must pass: lint docs deny tests nas power bench
#   scripts/test.sh STEP...      these steps alone
#
# Build products go to $CARGO_TARGET_DIR, by default a folder in the user's cache that all checkouts share.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/rrnetd/target}"
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-never}"
mkdir -p "$CARGO_TARGET_DIR"

steps=("$@")
if ((${#steps[@]} == 0)); then steps=(lint docs deny tests nas power bench); fi

step_lint() {
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    # Fuzzing itself needs the nightly toolchain; that the targets compile does not.
    cargo check --locked --manifest-path fuzz/Cargo.toml
    shellcheck -x -P SCRIPTDIR scripts/*.sh tests/*.sh tests/*/*.sh .ci/run
}

step_docs() {
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked
}

step_deny() {
    # Licences, bans and sources need no network; the list of advisories does.
    cargo deny --offline check licenses bans sources
}

step_tests() {
    # Built first, so that the servers run only while they are needed.
    cargo nextest run --workspace --locked --no-run
    scripts/test-servers.sh run -- cargo nextest run --workspace --locked --no-fail-fast
    cargo test --workspace --locked --doc
}

step_nas() {
    cargo build --locked --bin rrnetd
    tests/nas/run.sh "$CARGO_TARGET_DIR/debug/rrnetd"
}

step_power() {
    cargo build --locked --package rrnetd --package rrnetd-load --bins
    tests/power/run.sh "$CARGO_TARGET_DIR/debug"
}

step_bench() {
    scripts/bench.sh --smoke
    scripts/scale.py --smoke
}

scripts/install-test-dependencies.sh
for step in "${steps[@]}"; do
    declare -F "step_$step" >/dev/null || { echo "test: no step $step" >&2; exit 2; }
    started=$SECONDS
    echo "== $step"
    "step_$step"
    echo "== $step: $((SECONDS - started)) s"
done
echo "== all passed in $SECONDS s"
