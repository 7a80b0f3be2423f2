#!/usr/bin/env bash
# Measures everything and writes it down beside this file, with machine and commit. Let nothing else run meanwhile.
# Arguments go to the benchmark of endurance: `--logins 1000000` takes half an hour.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[ -z "$(git status --porcelain -- src benches Cargo.toml)" ] || { echo "commit first: a record names what it measured" >&2; exit 1; }
record=benches/record/$(date -u +%F).txt
{
  echo "date:    $(date -u +'%F %H:%M') UTC"
  echo "commit:  $(git rev-parse --short HEAD)"
  echo "machine: $(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sed -n 1p), $(uname -sm)"
  echo "rustc:   $(rustc --version)"
  echo "load:    $(cut -d ' ' -f 1-3 /proc/loadavg) before it began"
  for round in 1 2 3; do
    echo
    echo "## judge, round $round"
    cargo bench --quiet --locked --bench judge
  done
  echo
  echo "## logout"
  cargo bench --quiet --locked --bench logout
  echo
  echo "## growth"
  cargo bench --quiet --locked --bench growth
  echo
  echo "## federation"
  cargo bench --quiet --locked --bench federation
  echo
  echo "## parts"
  cargo bench --quiet --locked --bench parts
  echo
  echo "## endurance"
  cargo bench --quiet --locked --bench endurance -- "$@"
} >"$record.new"
mv "$record.new" "$record"
grep -h '^ratio' "$record"
