#!/usr/bin/env bash
# Builds the sandbox image when it is missing or made of other inputs than today's, and says so when it is neither.
#
#   SANDBOX_IMAGE           its name            (innkeeper-sandbox:latest)
#   SANDBOX_BASE_IMAGE      what it builds upon (debian:bookworm-slim, or a debootstrap where no registry answers)
#   SANDBOX_SHIM_BINARY     a static shim to use instead of building one
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/terminal.sh
source scripts/base.sh

readonly IMAGE=${SANDBOX_IMAGE:-innkeeper-sandbox:latest}
readonly PIN=docker/sandbox/claude-code.pin
readonly WORK=${CARGO_TARGET_DIR:-target}/sandbox-image

pinned() { awk -v key="$1" -v field="$2" '$1 == key { print $field }' "$PIN"; }

# Prints the path of the shim, building it where none is given. Cargo speaks to the terminal itself (stderr).
shim_binary() {
    if [[ -n ${SANDBOX_SHIM_BINARY:-} ]]; then
        [[ -x $SANDBOX_SHIM_BINARY ]] || die "SANDBOX_SHIM_BINARY is no program: $SANDBOX_SHIM_BINARY"
        echo "$SANDBOX_SHIM_BINARY"
        return
    fi
    local target
    target=$(rustc -vV | sed -n 's/^host: //p')
    [[ $target == *-linux-* ]] || die "the shim cannot be built on $target" 'Build it on Linux and name it: SANDBOX_SHIM_BINARY=PATH'
    RUSTFLAGS="-C target-feature=+crt-static --remap-path-prefix=$PWD=/innkeeper" \
        cargo build --quiet --locked --release -p innkeeper-shim --target "$target" >&2
    echo "${CARGO_TARGET_DIR:-target}/$target/release/innkeeper-shim"
}

# One word for all that the image is made of.
inputs_hash() {
    local shim=$1
    {
        cat docker/sandbox.Dockerfile docker/sandbox/tool
        pinned version 2
        pinned "$architecture" 3
        echo "${SANDBOX_BASE_IMAGE:-}"
        cat "$shim"
    } | sha256sum | cut -d ' ' -f 1
}

integrity() {
    local hex
    hex=$(sha512sum "$1" | cut -d ' ' -f 1)
    # shellcheck disable=SC2059 # the format is the bytes themselves
    printf 'sha512-%s' "$(printf "$(sed 's/../\\x&/g' <<<"$hex")" | base64 | tr -d '\n')"
}

download_agent() {
    local package=$1 version=$2 directory=$3
    if command -v npm >/dev/null; then
        npm pack --silent --pack-destination "$directory" "$package@$version"
    elif [[ -n ${NPM_CONFIG_REGISTRY:-} ]]; then
        curl -fsSL --retry 3 --output "$directory/${package##*/}-$version.tgz" \
            "${NPM_CONFIG_REGISTRY%/}/$package/-/${package##*/}-$version.tgz"
    else
        echo 'npm is not installed: install it, or set NPM_CONFIG_REGISTRY to the URL of an npm registry'
        return 1
    fi
}

# Leaves the pinned CLI at $WORK/context/claude. The package is kept, and checked each time it is used.
place_agent() {
    local version package expected kept=$WORK/agent
    version=$(pinned version 2) package=$(pinned "$architecture" 2) expected=$(pinned "$architecture" 3)
    local archive=$kept/$architecture-$version.tgz
    mkdir -p "$kept"
    if [[ ! -f $archive || $(integrity "$archive") != "$expected" ]]; then
        step "Fetching Claude Code $version for $architecture"
        rm -rf "${kept:?}"/*
        mkdir "$kept/new"
        quietly "$WORK/fetch.log" download_agent "$package" "$version" "$kept/new" || die "$package could not be fetched"
        [[ $(integrity "$kept/new/"*.tgz) == "$expected" ]] ||
            die "$package $version is not what $PIN says" "expected $expected" "received $(integrity "$kept/new/"*.tgz)"
        mv "$kept/new/"*.tgz "$archive"
    fi
    tar -xzf "$archive" -C "$WORK/context" --no-same-owner --strip-components=1 package/claude
}

build() {
    docker build --file docker/sandbox.Dockerfile --tag "$IMAGE" --build-arg "BASE=$base" \
        --label "innkeeper.inputs=$inputs" \
        --label "innkeeper.cli-version=$(pinned version 2)" \
        --label "innkeeper.shim-protocol=$protocol" \
        "$WORK/context"
}

find_architecture
[[ -n $(pinned "$architecture" 3) ]] || die "no Claude Code is pinned for $architecture in $PIN"
[[ -n ${SANDBOX_SHIM_BINARY:-} ]] || step 'Building the shim'
shim=$(shim_binary)
protocol=$("$shim" --protocol-version)
inputs=$(inputs_hash "$shim")
if [[ $(label "$IMAGE" innkeeper.inputs) == "$inputs" ]]; then
    step "$IMAGE is up to date"
    exit
fi

began=$SECONDS
rm -rf "$WORK/context"
mkdir -p "$WORK/context"
find_base SANDBOX_BASE_IMAGE
place_agent
install -m 0711 "$shim" "$WORK/context/innkeeper-shim"
install -m 0755 docker/sandbox/tool "$WORK/context/tool"
chmod 0711 "$WORK/context/claude"
step "Building $IMAGE on $base"
quietly "$WORK/build.log" build || die "the image could not be built (log: $WORK/build.log)"
rm -rf "$WORK/context"
size=$(docker image inspect --format '{{.Size}}' "$IMAGE")
step "$IMAGE is ready: Claude Code $(pinned version 2), shim protocol $protocol, $((size / 1000000)) MB, $((SECONDS - began)) s"
