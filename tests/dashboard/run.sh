#!/usr/bin/env bash
# Tests the page of the dashboard in headless Chromium.
#
#   run.sh            against a mock, and against `kanaloa demo --live` where that has been built (KANALOA names the program)
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
