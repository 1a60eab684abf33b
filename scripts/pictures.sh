#!/usr/bin/env bash
# Draws every dashboard as a picture, from what a Prometheus holds, with headless Chromium and scripts/pictures.
#
#   scripts/pictures.sh PROMETHEUS_URL FROM TO OUTPUT_DIR [BOARD.json...]
#
# FROM and TO are moments as in Grafana: now-1h, seconds since 1970, ISO dates. Says which panels have no data or cannot be
# drawn, and fails when one cannot.
#
#   PICTURES_SCRAPE   how often Prometheus scrapes, as 5s, when it has no targets any more that would tell
#   PICTURES_SOURCE   what the data is, for the words at each picture's bottom
#   PICTURES_VARS     values of variables: 'tenant=acme&tenant=globex'
#   CHROMIUM          the browser (chromium)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/terminal.sh

readonly WIDTH=1600
readonly MAX_BYTES=$((250 * 1024))
# What pictures may take of a browser's own time; it stands still while Prometheus is asked.
readonly BUDGET_MS=20000
readonly WAIT_S=120

(($# >= 4)) || die 'usage: scripts/pictures.sh PROMETHEUS_URL FROM TO OUTPUT_DIR [BOARD.json...]'
prometheus=$1 from=$2 to=$3 out=$4
shift 4
boards=("$@")
((${#boards[@]})) || boards=(dashboards/*.json)
[[ -e ${boards[0]} ]] || die "there is no ${boards[0]}"
browser=${CHROMIUM:-chromium}
command -v "$browser" >/dev/null || die "$browser is not installed" 'Install it (apt-get install chromium) or name one in CHROMIUM.'

profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
mkdir -p "$out"

# No server: the page and the boards are files, and Prometheus answers pages of any origin.
flags=(--headless --disable-gpu --hide-scrollbars --force-device-scale-factor=1 --allow-file-access-from-files
    --user-data-dir="$profile" --no-first-run --disable-extensions --enable-logging=stderr --virtual-time-budget="$BUDGET_MS")
# As root Chromium's own sandbox cannot work; it opens nothing but this page.
((EUID)) || flags+=(--no-sandbox)

encoded() { printf '%s' "$1" | od -An -v -tx1 | tr -d '\n' | sed 's/ /%/g'; }

address() {
    local query="dashboard=$(encoded "file://$(realpath "$1")")&prometheus=$(encoded "$prometheus")&from=$(encoded "$from")&to=$(encoded "$to")"
    [[ -z ${PICTURES_SCRAPE:-} ]] || query+="&scrape=$(encoded "$PICTURES_SCRAPE")"
    [[ -z ${PICTURES_SOURCE:-} ]] || query+="&source=$(encoded "$PICTURES_SOURCE")"
    local pair
    for pair in $(tr '&' ' ' <<<"${PICTURES_VARS:-}"); do query+="&var-${pair%%=*}=$(encoded "${pair#*=}")"; done
    local other files=''
    for other in dashboards/*.json; do [[ ! -e $other ]] || files+="file://$(realpath "$other"),"; done
    printf '%s' "file://$PWD/scripts/pictures/render.html?$query&boards=$(encoded "${files%,}")"
}

failed=0
for board in "${boards[@]}"; do
    name=$(basename "$board" .json)
    picture=$(realpath "$out")/$name.png
    page=$(address "$board")
    height=$(timeout "$WAIT_S" "$browser" "${flags[@]}" --window-size="$WIDTH,1000" --dump-dom "$page&measure" 2>/dev/null |
        sed -n 's/.*data-height="\([0-9]*\)".*/\1/p' | head -n 1)
    [[ -n $height ]] || die "$board cannot be laid out"
    said=$(timeout "$WAIT_S" "$browser" "${flags[@]}" --window-size="$WIDTH,$height" --screenshot="$picture" "$page" 2>&1 |
        sed -n 's/.*"picture: \(.*\)", source:.*/\1/p')
    if command -v pngquant >/dev/null; then
        pngquant --force --strip --speed 1 --ext .png 256 "$picture"
    fi
    size=$(stat -c %s "$picture")
    step "$picture (${WIDTH}x$height, $((size / 1024)) KiB)"
    while read -r line; do note "$line"; done <<<"$said"
    if [[ $said != *drawn:* || $said == *failed:* ]]; then failed=1; fi
    ((size <= MAX_BYTES)) || note "larger than $((MAX_BYTES / 1024)) KiB: install pngquant"
done
((!failed)) || die 'not everything could be drawn'
