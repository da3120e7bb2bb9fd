#!/usr/bin/env bash
# Tests the page of the dashboard in headless Chromium.
#
#   run.sh            against a mock, and against `kanaloa demo --live` where the program is built (in target, or named by KANALOA)
#   run.sh URL        against the dashboard that is served there
#
# SHOTS names a directory for screenshots (an absolute path). Left out, with a message, where there is no Node.js or no Chromium.
set -euo pipefail
cd "$(dirname "$0")"

skip() { echo "the dashboard's page is not tested: $*" >&2; exit 0; }

command -v node > /dev/null && command -v npm > /dev/null || skip 'no Node.js'
[ "$(node -p 'process.versions.node.split(".")[0] >= 18')" = true ] || skip "Node.js $(node --version) is older than 18"
if [ -z "${CHROMIUM:-}" ]; then
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    CHROMIUM=$(command -v "$name") && break
  done
fi
[ -n "${CHROMIUM:-}" ] || skip 'no Chromium'
export CHROMIUM
if [ -n "${SHOTS:-}" ]; then
  mkdir -p "$SHOTS"
fi

node --test --test-reporter=spec model.test.mjs
if [ ! -d node_modules/puppeteer-core ]; then
  npm ci --no-audit --no-fund --ignore-scripts || skip 'puppeteer-core cannot be installed'
fi

if [ $# -gt 0 ]; then
  DASHBOARD_URL=$1 node --test --test-reporter=spec --test-concurrency=1 served.test.mjs
  exit
fi

node --test --test-reporter=spec --test-concurrency=1 served.test.mjs scenarios.test.mjs

for program in "${KANALOA:-}" ../../target/release/kanaloa ../../target/debug/kanaloa; do
  [ -x "$program" ] && break
done
if ! [ -x "$program" ] || ! "$program" demo --help | grep -q -- --live; then
  echo 'not tested against kanaloa demo --live: the program is not built, or KANALOA does not name it' >&2
  exit 0
fi
said=$(mktemp)
"$program" demo --live 127.0.0.1:0 > "$said" 2>&1 &
demo=$!
trap 'kill "$demo" 2> /dev/null || true; rm -f "$said"' EXIT
url=
for _ in $(seq 100); do
  url=$(grep -o 'http://[^ ]*' "$said" | head -n 1) && break
  kill -0 "$demo" 2> /dev/null || break
  sleep 0.1
done
[ -n "$url" ] || { echo 'kanaloa demo --live has not said where its dashboard is:' >&2; cat "$said" >&2; exit 1; }
echo "$program demo --live: $url"
DASHBOARD_URL=$url node --test --test-reporter=spec served.test.mjs
