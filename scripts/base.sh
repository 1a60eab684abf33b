# What images are built upon: found here, pulled, or made from Debian's packages where no registry answers.
# To be sourced after terminal.sh, by a script that has set WORK to a directory of its own.
#
# shellcheck shell=bash

readonly REGISTRY_BASE=debian:bookworm-slim
readonly OWN_BASE=innkeeper-base:bookworm
readonly DEBIAN_MIRROR=http://deb.debian.org
readonly PULL_TIMEOUT_S=60

have_image() { docker image inspect "$1" >/dev/null 2>&1; }

# label IMAGE NAME: what a label of an image says, or nothing.
label() { docker image inspect --format "{{index .Config.Labels \"$2\"}}" "$1" 2>/dev/null || true; }

# Leaves the engine's architecture, by Docker's name, in $architecture. What is built here must be of its kind.
find_architecture() {
    architecture=$(docker version --format '{{.Server.Arch}}' 2>/dev/null) ||
        die 'no Docker engine answers' 'Run scripts/engine.sh first.'
    local machine
    case $(uname -m) in
        x86_64) machine=amd64 ;;
        aarch64 | arm64) machine=arm64 ;;
        *) machine=$(uname -m) ;;
    esac
    [[ $architecture == "$machine" ]] ||
        die "the engine runs on $architecture and this machine is $machine" 'Build the image on a machine of the engine'"'"'s kind.'
}

bootstrap_base() {
    local root=$WORK/base suite=bookworm
    rm -rf "$root"
    if ! command -v debootstrap >/dev/null; then
        apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends debootstrap
    fi || return
    debootstrap --variant=minbase --arch="$architecture" "$suite" "$root" "$DEBIAN_MIRROR/debian" || return
    cat >"$root/etc/apt/sources.list" <<-SOURCES
		deb $DEBIAN_MIRROR/debian $suite main
		deb $DEBIAN_MIRROR/debian $suite-updates main
		deb $DEBIAN_MIRROR/debian-security $suite-security main
	SOURCES
    tar -C "$root" --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./var/log/*' \
        --exclude='./usr/share/doc/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/man/*' -c . |
        docker import - "$OWN_BASE" || return
    rm -rf "$root"
}

# find_base VARIABLE: leaves the name of an image to build upon in $base: what the variable of that name says, if it is set.
find_base() {
    local variable=$1
    for base in ${!variable:-$REGISTRY_BASE $OWN_BASE}; do
        ! have_image "$base" || return 0
    done
    base=${!variable:-$REGISTRY_BASE}
    step "Pulling $base"
    ! quietly "$WORK/pull.log" timeout "$PULL_TIMEOUT_S" docker pull "$base" 2>/dev/null || return 0
    [[ -z ${!variable:-} ]] || die "$base could not be pulled (log: $WORK/pull.log)"
    ((EUID == 0)) || die "$REGISTRY_BASE could not be pulled, and a base can only be made from Debian's packages by root" \
        "Pull it from where you can and tag it, or name another base: $variable=NAME"
    base=$OWN_BASE
    step "No registry answers: making $base from Debian's packages"
    quietly "$WORK/base.log" bootstrap_base || die "the base could not be made (log: $WORK/base.log)"
}
