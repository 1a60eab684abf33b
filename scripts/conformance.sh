#!/usr/bin/env bash
# Makes sure that the tools that check the API against its OpenAPI documents are there, next to what is built: schemathesis and
# openapi-spec-validator, from PyPI. Where Python or PyPI is not there, says so: those tests are left out then.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/terminal.sh

readonly REQUIREMENTS=tests/fixtures/conformance.txt
readonly VENV=${CARGO_TARGET_DIR:-target}/tools/conformance
readonly LOG=$VENV.log

present() { [[ -f $VENV/installed ]] && cmp -s "$REQUIREMENTS" "$VENV/installed"; }

# A virtual environment, with the package that Debian keeps its installer in where it is missing.
make_venv() {
    rm -rf "$VENV"
    quietly "$LOG" python3 -m venv "$VENV" && return
    ((EUID == 0)) && command -v apt-get >/dev/null || return
    export DEBIAN_FRONTEND=noninteractive
    quietly "$LOG" apt-get update && quietly "$LOG" apt-get install -y --no-install-recommends python3-venv || return
    rm -rf "$VENV"
    quietly "$LOG" python3 -m venv "$VENV"
}

present && exit
step 'Installing schemathesis and openapi-spec-validator'
mkdir -p "$(dirname "$VENV")"
if make_venv && quietly "$LOG" "$VENV/bin/pip" install --quiet --disable-pip-version-check --requirement "$REQUIREMENTS"; then
    cp "$REQUIREMENTS" "$VENV/installed"
else
    rm -rf "$VENV"
    note "they cannot be installed (log: $LOG): the API is not checked against its documents here"
fi
