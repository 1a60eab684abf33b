#!/usr/bin/env bash
# Makes sure that a Docker engine answers: finds one, else installs and starts Docker on Debian or Ubuntu as root,
# else says what to do. Changes nothing when an engine answers already.
set -euo pipefail
# shellcheck source=scripts/terminal.sh
source "$(dirname "${BASH_SOURCE[0]}")/terminal.sh"

readonly START_TIMEOUT_S=60
readonly PID_FILE=/var/run/docker.pid
readonly DAEMON_LOG=/var/log/innkeeper-dockerd.log

# The process id of a dockerd that this run started by hand.
daemon=''

answers() { command -v docker >/dev/null && docker info >/dev/null 2>&1; }

report() {
    local host=${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null || echo default)}
    step "Docker $(docker version --format '{{.Server.Version}}') answers at $host"
}

# Where Docker cannot be installed or started from here, the exact words for whoever can.
explain() {
    local reason=$1
    if command -v apt-get >/dev/null; then
        die "$reason" \
            'As root, run scripts/engine.sh again, or:' \
            '  apt-get update && apt-get install -y docker.io' \
            '  systemctl enable --now docker' \
            "  usermod -aG docker ${USER:-$(id -u)}     # then log in again"
    fi
    die "$reason" \
        'Install Docker Engine 20.10 or newer and start it, or point DOCKER_HOST at one, so that this works:' \
        '  docker info'
}

debian_like() { grep -qsE '^(ID|ID_LIKE)=.*(debian|ubuntu)' /etc/os-release; }

install_docker() {
    local log packages=(docker.io)
    log=$(mktemp -t innkeeper-apt.XXXXXX)
    step 'Installing Docker (docker.io)'
    export DEBIAN_FRONTEND=noninteractive
    quietly "$log" apt-get update || die "apt-get update failed (log: $log)"
    # Newer releases keep the client in a package of its own.
    [[ -z $(apt-cache search --names-only '^docker-cli$') ]] || packages+=(docker-cli)
    quietly "$log" apt-get install -y --no-install-recommends "${packages[@]}" ||
        die "Docker could not be installed (log: $log)"
    rm -f "$log"
}

daemon_lives() { [[ -s $PID_FILE ]] && kill -0 "$(<"$PID_FILE")" 2>/dev/null; }

start_docker() {
    step 'Starting Docker'
    if [[ -d /run/systemd/system ]]; then
        systemctl enable --now docker >/dev/null 2>&1 ||
            die 'systemd could not start Docker' 'See: journalctl -u docker'
    elif ! daemon_lives; then
        rm -f "$PID_FILE"
        setsid dockerd >"$DAEMON_LOG" 2>&1 </dev/null &
        daemon=$!
        note "no systemd here: dockerd runs in the background (log: $DAEMON_LOG)"
    fi
}

wait_for_docker() {
    local deadline=$((SECONDS + START_TIMEOUT_S))
    until answers; do
        if [[ -n $daemon ]] && ! kill -0 "$daemon" 2>/dev/null; then
            tail -n 20 "$DAEMON_LOG" | sed 's/^/    /' >&2
            die "dockerd ended at once (log: $DAEMON_LOG)"
        fi
        ((SECONDS < deadline)) || die "Docker did not answer within $START_TIMEOUT_S s"
        sleep 0.5
    done
}

if answers; then
    report
    exit
fi
[[ -z ${DOCKER_HOST:-} ]] || die "no Docker engine answers at DOCKER_HOST ($DOCKER_HOST)" 'Start it, or unset DOCKER_HOST.'
((EUID == 0)) || explain "no Docker engine answers, or ${USER:-$(id -u)} may not use it"
if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
    debian_like || explain 'Docker is not installed'
    install_docker
fi
start_docker
wait_for_docker
report
