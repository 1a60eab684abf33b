#!/usr/bin/env bash
# Starts the server, creates a demo tenant, runs one session through the public API, shows it, and leaves the server
# running. With ANTHROPIC_API_KEY in the environment the real model answers; without, the built-in stand-in does.
#
#   DEMO_BINARY   the program (target/release/innkeeper)
#   DEMO_ONLY     set: end after the session
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/terminal.sh

readonly BINARY=${DEMO_BINARY:-target/release/innkeeper}
readonly DATA=${INNKEEPER_DATA_DIR:-data}
readonly SERVER_LOG=$DATA/server.log
readonly START_TIMEOUT_S=60
readonly PROMPT='Create hello.py that prints a greeting, run it, and read it back.'

children=()
finish() {
    ((${#children[@]} == 0)) || kill "${children[@]}" 2>/dev/null || true
    wait
}
trap finish EXIT
trap 'exit 130' INT TERM

# start NAME LOG PATTERN COMMAND...: starts a server in the background and prints the words after PATTERN in what it says.
# Leaves what it said in $said.
start() {
    local name=$1 out=$2 pattern=$3 deadline=$((SECONDS + START_TIMEOUT_S))
    shift 3
    : >"$out"
    "$@" >"$out" 2>>"$SERVER_LOG" &
    children+=($!)
    until grep -q "$pattern" "$out"; do
        kill -0 "${children[-1]}" 2>/dev/null || {
            tail -n 20 "$SERVER_LOG" >&2
            die "$name did not start; its last words are above (log: $SERVER_LOG)"
        }
        ((SECONDS < deadline)) || die "$name did not start within $START_TIMEOUT_S s (log: $SERVER_LOG)"
        sleep 0.1
    done
    said=$(<"$out")
}

url_in() { sed -nE 's|.*listens on (http://[^ ]+).*|\1|p' <<<"$1"; }

mkdir -p "$DATA"
chmod 700 "$DATA"
: >"$SERVER_LOG"

if [[ -n ${ANTHROPIC_API_KEY:-} ]]; then
    export INNKEEPER_GATEWAY__API_KEY=$ANTHROPIC_API_KEY
    step 'The real model answers, and is paid for (ANTHROPIC_API_KEY is set)'
else
    step 'No ANTHROPIC_API_KEY: the built-in stand-in answers'
    note 'Its answers are scripted: no model is asked and nothing is paid. The costs shown are what it would have cost.'
    start 'the stand-in model' "$DATA/stand-in.out" 'listens on' "$BINARY" stand-in --listen 127.0.0.1:0
    INNKEEPER_GATEWAY__UPSTREAM_URL=$(url_in "$said")
    export INNKEEPER_GATEWAY__UPSTREAM_URL INNKEEPER_GATEWAY__API_KEY=stand-in-key
fi

# A first look is not to wait for the attacks a server makes on itself; `innkeeper drill` makes them when one likes.
export INNKEEPER_DRILL__AT_START=${INNKEEPER_DRILL__AT_START:-false}

step 'Starting the server'
start 'the server' "$DATA/server.out" 'listens on' "$BINARY" serve
url=$(url_in "$said")
sed 's/^/    /' <<<"$said"
rm -f "$DATA/server.out" "$DATA/stand-in.out"
note "log: $SERVER_LOG"

if ! "$BINARY" tenants list --json | grep -q '"name": "demo"'; then
    step 'Creating the tenant "demo", whose sessions may work in ./demo'
    rm -f "$DATA/demo.key"
    "$BINARY" tenants create demo --root demo >/dev/null 2>&1 || "$BINARY" tenants create demo --root demo
fi
[[ -s $DATA/demo.key ]] || (umask 077 && "$BINARY" keys create --tenant demo --name make-run 2>/dev/null >"$DATA/demo.key")
key=$(<"$DATA/demo.key")

step 'Running a session of "demo" through the public API'
INNKEEPER_URL=$url INNKEEPER_KEY=$key "$BINARY" run --permission-mode bypassPermissions "$PROMPT" ||
    die 'the session did not complete' "See: $SERVER_LOG"

step "innkeeper runs at $url"
note "API: $url/docs    tenant: demo    key: $key"
note
note 'Try next:'
note
printf '%s\n' "curl $url/execute/ -H 'x-api-key: $key' -H 'content-type: application/json' -d '{\"prompt\": \"Say hello\"}'"
printf '%s\n' "curl $url/sessions/ -H 'x-api-key: $key'"
printf '%s\n' "$BINARY drill"
[[ -z ${DEMO_ONLY:-} ]] || exit 0
note
note 'Stop it with Ctrl-C.'
wait -n
