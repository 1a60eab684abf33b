#!/usr/bin/env bash
# Builds the image of the server and the spawner when it is missing or made of other inputs than today's.
#
#   SERVER_IMAGE        its name            (innkeeper:latest)
#   SERVER_BASE_IMAGE   what it builds upon (debian:bookworm-slim, or a debootstrap where no registry answers)
#   SERVER_BINARY       a program to use instead of building one for release
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/terminal.sh
source scripts/base.sh

readonly IMAGE=${SERVER_IMAGE:-innkeeper:latest}
readonly WORK=${CARGO_TARGET_DIR:-target}/server-image

# Prints the path of the program, building it where none is given. Cargo speaks to the terminal itself (stderr).
server_binary() {
    if [[ -n ${SERVER_BINARY:-} ]]; then
        [[ -x $SERVER_BINARY ]] || die "SERVER_BINARY is no program: $SERVER_BINARY"
        echo "$SERVER_BINARY"
        return
    fi
    cargo build --quiet --locked --release >&2
    echo "${CARGO_TARGET_DIR:-target}/release/innkeeper"
}

# One word for all that the image is made of.
inputs_hash() {
    {
        cat docker/server.Dockerfile
        echo "${SERVER_BASE_IMAGE:-}"
        cat "$1"
    } | sha256sum | cut -d ' ' -f 1
}

build() {
    docker build --file docker/server.Dockerfile --tag "$IMAGE" --build-arg "BASE=$base" \
        --build-arg "INPUTS=$inputs" "$WORK/context"
}

find_architecture
[[ -n ${SERVER_BINARY:-} ]] || step 'Building the server'
binary=$(server_binary)
inputs=$(inputs_hash "$binary")
if [[ $(label "$IMAGE" innkeeper.inputs) == "$inputs" ]]; then
    step "$IMAGE is up to date"
    exit
fi

began=$SECONDS
before=$(docker image inspect --format '{{.Id}}' "$IMAGE" 2>/dev/null || true)
rm -rf "$WORK/context"
mkdir -p "$WORK/context"
find_base SERVER_BASE_IMAGE
install -m 0755 "$binary" "$WORK/context/innkeeper"
step "Building $IMAGE on $base"
quietly "$WORK/build.log" build || die "the image could not be built (log: $WORK/build.log)"
rm -rf "$WORK/context"
# A program that was built on a newer system than the base needs a newer C library than it has.
version=$(docker run --rm --network none "$IMAGE" --version) ||
    die "the program does not run on $base" 'Name a base as new as this machine: SERVER_BASE_IMAGE=NAME'
# The one it takes the place of goes, unless something runs in it; what both are built upon stays.
[[ -z $before ]] || docker image rm --no-prune "$before" >/dev/null 2>&1 || true
size=$(docker image inspect --format '{{.Size}}' "$IMAGE")
step "$IMAGE is ready: $version, $((size / 1000000)) MB, $((SECONDS - began)) s"
