#!/usr/bin/env bash
# The sizes of tests/hostile_size.rs in full, in release; and the instructions that each judgement takes, counted by
# valgrind: between one, two and four times a size they must not grow faster than the input. What sizes are divided by
# for that: HOSTILE_DIVISOR.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
if ! command -v dpkg-query >/dev/null && [ "${CI:-}" != true ]; then echo "skipped: this is not Debian"; exit 0; fi
need_packages python3 valgrind

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build=(cargo test --quiet --locked --release --features full --test hostile_size)
"${build[@]}" --no-run --message-format json >"$work/build" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
program=$(python3 -c 'import json, sys
found = [json.loads(line).get("executable") for line in sys.stdin]
print(*filter(None, found))' <"$work/build")

HOSTILE_DIVISOR=1 "$program" --nocapture >"$work/log" 2>&1 || { tail -n 40 "$work/log" >&2; exit 1; }
kinds=$(grep -c ' bytes in, ' "$work/log")
echo "hostile: $kinds kinds in full, the largest of $(awk '/ bytes in, / { for (i = 2; i <= NF; i++) if ($i == "bytes" && $(i - 1) > n) n = $(i - 1) } END { print n }' "$work/log") bytes"

export HOSTILE_DIVISOR=${HOSTILE_DIVISOR:-10}
valgrind --tool=callgrind --callgrind-out-file="$work/out" --dump-line=no \
  --toggle-collect=hostile_size::judge_hostile_input --dump-after=hostile_size::judge_hostile_input \
  "$program" every_kind --ignored --nocapture --test-threads 1 >"$work/judged" 2>"$work/log" ||
  { tail -qn 20 "$work/judged" "$work/log" >&2; exit 1; }
python3 - "$work" "$kinds" <<'PYTHON'
import re, sys
work, kinds = sys.argv[1], int(sys.argv[2])
lines = [line for line in open(work + "/judged") if "judged " in line]
judged = [re.search(r"judged (\d+)\t(.*)", line).groups() for line in lines]
counts = [int(re.search(r"^(?:totals|summary): (\d+)", open(f"{work}/out.{at + 1}").read(), re.M)[1]) for at in range(len(judged))]
assert 3 * kinds - 15 <= len(judged) < 3 * kinds, f"{len(judged)} judgements of {kinds} kinds were counted"
faults = 0
print(f"hostile: {'kind':40} {'bytes':>9} {'instructions at 1, 2 and 4':>38}  last/first")
for at in range(0, len(judged), 3):
    (size, name), (small, middle, large) = judged[at + 2], counts[at : at + 3]
    # Twice the input is to take twice as much more; what grows with the square takes four times as much more.
    fault = large - middle > 3 * max(middle - small, 0) + 100_000
    faults += fault
    print(f"hostile: {name:40} {size:>9} {small:12} {middle:12} {large:12}  {large / small:5.2f}{'  FAULT' if fault else ''}")
print(f"hostile: {len(judged) // 3} kinds counted, {faults} grow faster than what comes in")
sys.exit(bool(faults))
PYTHON
