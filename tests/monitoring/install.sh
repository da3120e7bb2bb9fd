#!/usr/bin/env bash
# Installs what the tests of monitoring talk to into a directory: StatsD and Grafana's schema from npm, Graphite from PyPI,
# Prometheus from Debian's packages. Starts nothing, and changes nothing outside of the directory. What cannot be installed
# is named and left out; the tests say so as well.
#   tests/monitoring/install.sh target/monitoring
set -euo pipefail

[ $# = 1 ] || { echo "usage: $0 DIRECTORY" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"

# Each leaves a file with the sum of what it was installed from, so that what is there is not installed again.
sum() { cat "$@" | cksum | tr ' ' -; }

from_npm() {
  local wanted; wanted=$(sum "$here/package.json" "$here/package-lock.json")
  [ "$(cat npm/installed 2> /dev/null)" = "$wanted" ] && return
  rm -rf npm && mkdir npm && cp "$here/package.json" "$here/package-lock.json" npm/
  # The daemon's optional dependency is a logger that is compiled; and nothing here has to run anything to be installed.
  (cd npm && npm ci --no-audit --no-fund --ignore-scripts --omit=optional) && echo "$wanted" > npm/installed
}

graphite() {
  local wanted; wanted=$(sum "$here/requirements.txt")
  [ "$(cat graphite/installed 2> /dev/null)" = "$wanted" ] && return
  rm -rf graphite && python3 -m venv graphite || return
  # Without this it installs itself into /opt.
  GRAPHITE_NO_PREFIX=True graphite/bin/pip install -q --disable-pip-version-check -r "$here/requirements.txt" || return
  # Of these, cgi is not in every Python, and cairocffi takes a library of the system's.
  graphite/bin/python -W ignore -c 'import cgi, cairocffi, carbon.service, django.http, graphite, twisted.web.wsgi' || return
  echo "$wanted" > graphite/installed
}

prometheus() {
  [ -e prometheus/installed ] && return
  rm -rf prometheus && mkdir prometheus || return
  # Unpacked and not installed: Debian would start it as a service.
  (cd prometheus && { apt-get download -q prometheus || { apt-get update -q && apt-get download -q prometheus; }; }) || return
  dpkg -x prometheus/prometheus_*.deb prometheus && rm prometheus/prometheus_*.deb || return
  prometheus/usr/bin/promtool --version > prometheus/installed
}

# They wait for the network more than for each other.
declare -A jobs
for part in from_npm graphite prometheus; do
  "$part" > "$part.log" 2>&1 &
  jobs[$part]=$!
done
for part in "${!jobs[@]}"; do
  wait "${jobs[$part]}" || {
    tail -n 20 "$part.log" >&2
    printf '%s could not be installed: tests with it are left out\n' "${part#from_}" >&2
  }
done
