# What the scripts say and how: a line for each step, the noise of a step in a log that is shown only when it fails.
# To be sourced. Colours and the moving line only on a terminal.
#
# shellcheck shell=bash

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    bold=$'\e[1m' blue=$'\e[34m' red=$'\e[31m' dim=$'\e[2m' plain=$'\e[0m'
else
    bold='' blue='' red='' dim='' plain=''
fi

step() { printf '%s==>%s %s%s%s\n' "$blue" "$plain" "$bold" "$*" "$plain"; }
note() { printf '    %s\n' "$*"; }

# die MESSAGE [LINE...]: the last words, each further line indented, so that commands can be copied.
die() {
    printf '%serror:%s %s\n' "$red" "$plain" "$1" >&2
    shift
    [[ $# -eq 0 ]] || printf '    %s\n' "$@" >&2
    exit 1
}

# quietly LOG COMMAND...: runs the command with all it says in LOG. On a terminal its newest line is shown meanwhile.
quietly() {
    local log=$1 status=0
    shift
    "$@" >"$log" 2>&1 </dev/null &
    local command=$!
    while [[ -t 1 ]] && kill -0 "$command" 2>/dev/null; do
        printf '\r\e[K    %s%.70s%s' "$dim" "$(tail -n 1 "$log" | tr -cd '[:print:]')" "$plain"
        sleep 0.2
    done
    [[ ! -t 1 ]] || printf '\r\e[K'
    wait "$command" || status=$?
    [[ $status -eq 0 ]] || tail -n 30 "$log" | sed 's/^/    /' >&2
    return "$status"
}
