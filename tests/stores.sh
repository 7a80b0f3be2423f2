#!/usr/bin/env bash
# What was used, in stores that several processes share: a real Redis and a real PostgreSQL on loopback, asked by 64
# threads in each of 4 processes, killed and started again in the middle, and, Redis, come back empty: see stores.py.
# How many assertions: STORES_REDIS (100,000) and STORES_POSTGRES (5,000; 100,000 take some minutes).
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need_packages postgresql python3 redis-server util-linux

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build=(cargo test --quiet --locked --release --features full --test stores)
"${build[@]}" --no-run --message-format json >"$work/build" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
program=$(python3 -c 'import json, sys
found = [json.loads(line).get("executable") for line in sys.stdin]
print(*filter(None, found))' <"$work/build")
cargo build --quiet --locked --release --features full --example replay_postgres
python3 tests/stores.py "$program" "$target/release/examples/replay_postgres" "$work"
