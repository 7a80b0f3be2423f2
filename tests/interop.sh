#!/usr/bin/env bash
# Signs in at real identity providers (pysaml2 and SimpleSAMLphp, on loopback) with our metadata and our requests,
# and lets examples/inspect judge what they answer: see interop.py. Installs them; leaves nothing running.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need_shared
need_packages curl openssl python3 python3-venv xmlsec1
build_examples

# pysaml2 comes in a virtual environment, which is kept for the next run.
idps=$shared/idps
export VENV=${XDG_CACHE_HOME:-$HOME/.cache}/entra-sso-tests/pysaml2
if ! cmp -s "$idps/pysaml2/requirements.txt" "$VENV/installed.txt" || ! "$VENV/bin/python" -c 'import saml2' 2>/dev/null; then
  echo "installing pysaml2"
  rm -rf "$VENV"
  mkdir -p "$(dirname "$VENV")"
  "$idps/pysaml2/install.sh" "$VENV"
  cp "$idps/pysaml2/requirements.txt" "$VENV/installed.txt"
fi
if [ ! -d /usr/share/simplesamlphp/www ] || ! command -v php8.2 >/dev/null; then
  echo "installing SimpleSAMLphp"
  "$idps/simplesamlphp/install.sh" >/dev/null
fi

runs=$(mktemp -d)
stop_all() {
  local pid
  for pid in "$runs"/*/pid; do [ ! -e "$pid" ] || "$idps/common/stop.sh" "$(dirname "$pid")"; done
  rm -rf "$runs"
}
trap stop_all EXIT
"$VENV/bin/python" tests/interop.py "$idps" "$runs"
