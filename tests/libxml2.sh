#!/usr/bin/env bash
# Holds the parser and the canonical forms against those of libxml2, on generated documents: tests/unit/oracles.rs writes
# the questions, libxml2.py asks them. As many documents as ORACLE_DOCUMENTS says.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
if ! command -v dpkg-query >/dev/null && [ "${CI:-}" != true ]; then echo "skipped: this is not Debian"; exit 0; fi
need_packages libxml2-utils python3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ORACLE_DOCUMENTS=${ORACLE_DOCUMENTS:-10000} LIBXML2_QUESTIONS=$work/questions
cargo test --quiet --locked --lib what_libxml2_is_asked -- --ignored >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
[ "$(wc -l <"$work/questions")" = "$ORACLE_DOCUMENTS" ] || { echo "libxml2: documents are missing" >&2; exit 1; }
python3 tests/libxml2.py "$work/questions"

# must_differ NAME PYTHON - with the first line changed for which PYTHON does so, one difference is found.
must_differ() {
  head -3000 "$work/questions" | python3 -c 'import json, sys
done = False
for line in map(json.loads, sys.stdin):
    before = json.dumps(line)
    if not done:
        exec(sys.argv[1])
    done = done or json.dumps(line) != before
    print(json.dumps(line))
assert done' "$2" >"$work/changed"
  if python3 tests/libxml2.py "$work/changed" >"$work/log" 2>&1; then echo "libxml2: $1 is not noticed" >&2; exit 1; fi
  grep -q '^libxml2: 1 differences$' "$work/log" || { cat "$work/log" >&2; exit 1; }
  echo "libxml2: noticed $1"
}
must_differ "another form" 'for form in line["forms"][:1]: form["form"] = (form["form"] or "") + " "'
must_differ "a form where there is none" 'for form in line["forms"][:1]: form["form"] = form["form"] or "<a></a>"'
must_differ "a document that we alone take" 'if line["ours"] == "saml.xml_malformed": line["ours"] = "taken"'
must_differ "a document that we alone refuse" 'if line["ours"] == "taken": line.update(ours="saml.xml_malformed", rule="x", forms=[])'
