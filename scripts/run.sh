#!/usr/bin/env bash
# Starts the server, creates a demo tenant, runs one session through the public API, shows it, and leaves the server
# running. With ANTHROPIC_API_KEY in the environment the real model answers; without, the built-in stand-in does.
set -euo pipefail
cd "$(dirname "$0")/.."

innkeeper=${DEMO_BINARY:-target/release/innkeeper}
url=http://${INNKEEPER_HTTP__LISTEN:-127.0.0.1:8000}
mkdir -p data
chmod 700 data

stand_in=
if [ -n "${ANTHROPIC_API_KEY:-}" ]; then
    export INNKEEPER_GATEWAY__API_KEY=$ANTHROPIC_API_KEY
    echo '==> the real model answers, and is paid for'
else
    "$innkeeper" stand-in --listen 127.0.0.1:4010 &
    stand_in=$!
    export INNKEEPER_GATEWAY__UPSTREAM_URL=http://127.0.0.1:4010 INNKEEPER_GATEWAY__API_KEY=stand-in-key
    echo '==> no ANTHROPIC_API_KEY: the built-in stand-in answers; its answers are scripted, no model is asked'
fi

"$innkeeper" serve &
server=$!
trap 'kill "$server" ${stand_in:+"$stand_in"} 2>/dev/null || true' EXIT

for _ in $(seq 100); do
    curl -fsS "$url/" >/dev/null 2>&1 && break
    kill -0 "$server" 2>/dev/null || { echo 'the server did not start; its last words are above' >&2; exit 1; }
    sleep 0.1
done

if "$innkeeper" tenants list --json | jq -e '.. | objects | select(.name? == "demo")' >/dev/null; then
    echo '==> the tenant "demo" is there already'
else
    "$innkeeper" tenants create demo --root "$PWD/demo"
fi
key=$("$innkeeper" keys create --tenant demo --name make-run 2>/dev/null)

prompt='Create hello.py that prints a greeting, run it, and read it back.'
echo "==> prompt: $prompt"
body=$(jq -n --arg prompt "$prompt" '{prompt: $prompt, permission_mode: "bypassPermissions"}')
id=$(curl -fsS "$url/execute/" -H "x-api-key: $key" -H 'content-type: application/json' -d "$body" | jq -r .session_id)

shown=0
while :; do
    answer=$(curl -fsS "$url/status/$id" -H "x-api-key: $key")
    jq -r --argjson shown "$shown" '.messages[$shown:][] | .content as $content | if .type == "AssistantMessage" then
        $content.content[] | if .text then "    agent: \(.text)" elif .name then "    tool:  \(.name) \(.input | tostring)" else empty end
        elif .type == "UserMessage" then ($content.content | if type == "array" then .[] | "           \(.content | tostring)" else empty end)
        else empty end' <<<"$answer"
    shown=$(jq '.messages | length' <<<"$answer")
    status=$(jq -r .status <<<"$answer")
    case $status in completed | error | cancelled) break ;; esac
    sleep 0.3
done
jq -r '"==> \(.status) in \(.duration_ms) ms, cost $\(.total_cost_usd // 0)\(if .error then ": \(.error)" else "" end)"' <<<"$answer"
[ "$status" = completed ] || exit 1

cat <<TXT

innkeeper runs at $url (its API is described at $url/docs). Stop it with Ctrl-C. Try:

  curl $url/execute/ -H 'x-api-key: $key' -H 'content-type: application/json' -d '{"prompt": "Say hello"}'
TXT
[ -z "${DEMO_ONLY:-}" ] || exit 0
wait "$server"
