#!/usr/bin/env bash
# Signs in with a real browser (headless Chromium) at examples/entra_login and its demo identity provider: see
# browser.py. Keeps pictures in target/browser/. Leaves nothing running.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need_packages chromium chromium-driver curl python3
build_examples

for port in 3000 3001; do
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "browser: port $port is taken" >&2; exit 1; fi
done
work=$(mktemp -d) pids=()
stop_all() {
  local pid
  for pid in "${pids[@]}"; do kill -TERM -- "-$pid" 2>/dev/null || true; done
  [ ${#pids[@]} -eq 0 ] || wait "${pids[@]}" 2>/dev/null || true
  rm -rf "$work"
}
trap stop_all EXIT
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
driver=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
start entra_login http://localhost:3000/ "$ENTRA_LOGIN"
start chromedriver "http://127.0.0.1:$driver/status" chromedriver --port="$driver" --allowed-ips=127.0.0.1
mkdir -p "$target/browser"
rm -f "$target"/browser/*.png
python3 tests/browser.py "http://127.0.0.1:$driver" "$target/browser" "$work/profile" ||
  { echo "browser: what entra_login said at the end:" >&2; tail -20 "$work/entra_login.log" >&2; exit 1; }
if grep -q 'panicked at' "$work/entra_login.log"; then cat "$work/entra_login.log" >&2; exit 1; fi
