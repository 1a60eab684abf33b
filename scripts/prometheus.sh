#!/usr/bin/env bash
# Makes sure that prometheus and promtool are there, for the tests: finds them, else installs Debian's package on Debian or
# Ubuntu as root, without starting its service, else says what to do.
set -euo pipefail
# shellcheck source=scripts/terminal.sh
source "$(dirname "${BASH_SOURCE[0]}")/terminal.sh"

present() { command -v prometheus >/dev/null && command -v promtool >/dev/null; }

report() { step "Prometheus $(promtool --version 2>&1 | awk 'NR == 1 { print $3 }') is at $(command -v prometheus)"; }

explain() {
    die "$1" 'The tests ask a real Prometheus. Install it (2.42 or newer), so that this works:' \
        '  prometheus --version && promtool --version' \
        'On Debian or Ubuntu: apt-get install -y --no-install-recommends prometheus'
}

debian_like() { grep -qsE '^(ID|ID_LIKE)=.*(debian|ubuntu)' /etc/os-release; }

# Debian starts a service with its package, unless a policy says no. One that somebody has set is put back.
install_prometheus() {
    local log policy=/usr/sbin/policy-rc.d kept=''
    log=$(mktemp -t innkeeper-apt.XXXXXX)
    step 'Installing Prometheus'
    export DEBIAN_FRONTEND=noninteractive
    quietly "$log" apt-get update || die "apt-get update failed (log: $log)"
    if [[ -e $policy ]]; then
        kept=$(mktemp)
        cp --preserve=all "$policy" "$kept"
    fi
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    local installed=0
    quietly "$log" apt-get install -y --no-install-recommends prometheus || installed=$?
    if [[ -n $kept ]]; then mv "$kept" "$policy"; else rm -f "$policy"; fi
    ((installed == 0)) || die "Prometheus could not be installed (log: $log)"
    # It was not started now, and is not to be at the next start of the machine either.
    [[ ! -d /run/systemd/system ]] || systemctl disable --quiet prometheus
    rm -f "$log"
}

if ! present; then
    ((EUID == 0)) || explain 'Prometheus is not installed'
    debian_like || explain 'Prometheus is not installed'
    install_prometheus
    present || explain "Debian's package has not brought Prometheus"
fi
report
