#!/usr/bin/env bash
# Signs in with a real browser (headless Chromium) at examples/entra_login: through its demo identity provider (see
# browser.py), and through SimpleSAMLphp (see browser_idp.py). Keeps pictures in target/browser/. Leaves nothing running.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need_packages chromium chromium-driver curl openssl python3
build_examples

for port in 3000 3001; do
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "browser: port $port is taken" >&2; exit 1; fi
done
work=$(mktemp -d) pids=()
stop_all() {
  local pid
  for pid in "${pids[@]}"; do kill -TERM -- "-$pid" 2>/dev/null || true; done
  [ ${#pids[@]} -eq 0 ] || wait "${pids[@]}" 2>/dev/null || true
  pids=()
}
finish() {
  stop_all
  [ ! -e "$work/idp/pid" ] || "$work/common/stop.sh" "$work/idp"
  rm -rf "$work"
}
trap finish EXIT
start() { # start NAME URL COMMAND... - in a process group of its own; returns when URL answers
  local name=$1 url=$2; shift 2
  setsid "$@" >"$work/$name.log" 2>&1 </dev/null &
  pids+=($!)
  for _ in $(seq 200); do
    curl -s -o "$work/answer" --max-time 2 "$url" && return
    kill -0 "${pids[-1]}" 2>/dev/null || break
    sleep 0.1
  done
  echo "browser: $name did not answer at $url" >&2
  cat "$work/$name.log" >&2
  return 1
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
story() { # story SCRIPT PICTURES ARGUMENT... - then nothing may have gone wrong in the application
  local script=$1 pictures=$2; shift 2
  mkdir -p "$pictures"
  rm -f "$pictures"/*.png
  python3 "tests/$script" "http://127.0.0.1:$driver" "$pictures" "$work/${script%.py}" "$@" ||
    { echo "browser: what entra_login said at the end:" >&2; tail -20 "$work/entra_login.log" >&2; exit 1; }
  if grep -q 'panicked at' "$work/entra_login.log"; then cat "$work/entra_login.log" >&2; exit 1; fi
}
driver=$(free_port)
start entra_login http://localhost:3000/ "$ENTRA_LOGIN"
start chromedriver "http://127.0.0.1:$driver/status" chromedriver --port="$driver" --allowed-ips=127.0.0.1
story browser.py "$target/browser"
stop_all

# SimpleSAMLphp is told the name by which the browser knows it; it keeps listening on loopback only.
need_shared
need_packaged_idp simplesamlphp
cp -r "$shared/idps/simplesamlphp" "$shared/idps/common" "$work"
chmod -R u+w "$work/simplesamlphp" "$work/common"
for file in config/config.php metadata/saml20-idp-hosted.php; do
  sed -i "s|'http://127.0.0.1:' . getenv('IDP_PORT') . '|'https://login.fabrikam.example|" "$work/simplesamlphp/$file"
  grep -q "'https://login.fabrikam.example/" "$work/simplesamlphp/$file" || { echo "browser: no address in $file" >&2; exit 1; }
done
# Its session comes along with a POST from another site, as it must where requests are posted.
sed -i "s|'session.cookie.samesite' => 'Lax'|'session.cookie.samesite' => 'None'|; s|'session.cookie.secure' => false|'session.cookie.secure' => true|" \
  "$work/simplesamlphp/config/config.php"
mkdir "$work/idp"
# A person as Entra ID describes one, because that is what the application reads.
cat >"$work/idp/users.json" <<'JSON'
{"grace:amazing": {
  "uid": ["grace"], "mail": ["grace@fabrikam.example"],
  "http://schemas.microsoft.com/identity/claims/tenantid": ["7a1f9c2e-4b3d-4f6a-9e8b-2c5d7f0a1b3c"],
  "http://schemas.microsoft.com/identity/claims/objectidentifier": ["2b9d6a70-1c5e-4f83-9b27-d04e8c6f1a35"],
  "http://schemas.microsoft.com/identity/claims/displayname": ["Grace Hopper"],
  "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress": ["grace.hopper@fabrikam.example"],
  "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name": ["grace@fabrikam.example"]}}
JSON
openssl req -x509 -newkey rsa:2048 -sha256 -nodes -days 30 -subj /CN=login.fabrikam.example \
  -addext subjectAltName=DNS:login.fabrikam.example -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
"$SP_MESSAGES" metadata --base http://localhost:3000/saml >"$work/sp.xml" 2>/dev/null
port=$(free_port)
"$work/simplesamlphp/start.sh" "$port" "$work/sp.xml" "$work/idp" >/dev/null
curl -sf "http://127.0.0.1:$port/saml2/idp/metadata.php" >"$work/idp.xml"
# Without an address for HTTP-Redirect we ask by HTTP-POST.
sed -i 's|<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"[^>]*/>||' "$work/idp.xml"
[ "$(grep -o '<md:SingleSignOnService [^ ]*' "$work/idp.xml")" = '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"' ] ||
  { echo "browser: not only HTTP-POST:" >&2; cat "$work/idp.xml" >&2; exit 1; }
start entra_login http://localhost:3000/ env ENTRA_METADATA_FILE="$work/idp.xml" "$ENTRA_LOGIN"
start chromedriver "http://127.0.0.1:$driver/status" chromedriver --port="$driver" --allowed-ips=127.0.0.1
story browser_idp.py "$target/browser/idp" "$work/entra_login.log" "$port" "$work/tls.crt" "$work/tls.key"
