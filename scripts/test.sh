#!/usr/bin/env bash
# Every check, cheapest first: format, lints, documentation, dependencies, tests. Needs a Docker engine and the sandbox
# image (`make test` prepares both).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/terminal.sh

readonly DENY=0.20.2 MACHETE=0.9.2
readonly TOOLS=${CARGO_TARGET_DIR:-target}/tools
readonly ADVISORIES=https://github.com/rustsec/advisory-db

# tool NAME VERSION: installs a cargo subcommand once, beside what is built.
tool() {
    local name=$1 version=$2
    [[ $("$TOOLS/bin/$name" --version 2>/dev/null) == *"$version" ]] && return
    step "Installing $name $version"
    cargo install --quiet --locked --root "$TOOLS" "$name@$version"
}

# Compose checks docker/compose.yaml, and runs it. Where it is not and cannot be installed, those tests are left out.
compose() {
    docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null && return
    step 'Installing docker-compose'
    mkdir -p "$TOOLS"
    export DEBIAN_FRONTEND=noninteractive
    if ((EUID == 0)) && command -v apt-get >/dev/null && quietly "$TOOLS/compose.log" apt-get update &&
        quietly "$TOOLS/compose.log" apt-get install -y --no-install-recommends docker-compose; then
        return
    fi
    note 'Compose is not installed: what is run with it is not tested here'
}

step 'Format'
cargo fmt --all --check
step 'Lints'
cargo clippy --workspace --all-targets --locked -- -D warnings
step 'Documentation'
RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --document-private-items
step 'Dependencies'
tool cargo-machete "$MACHETE"
"$TOOLS/bin/cargo-machete" --with-metadata
tool cargo-deny "$DENY"
"$TOOLS/bin/cargo-deny" --locked check bans licenses sources
if timeout 20 git ls-remote --quiet "$ADVISORIES" HEAD >/dev/null 2>&1; then
    "$TOOLS/bin/cargo-deny" --locked check advisories
else
    note "advisories are not checked: $ADVISORIES does not answer here"
fi
compose
scripts/prometheus.sh
scripts/conformance.sh
step 'Tests'
INSTA_UPDATE=no cargo test --workspace --locked
