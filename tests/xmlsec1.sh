#!/usr/bin/env bash
# Decrypts what others encrypted: an answer that tests/encryption.rs writes, encrypted by xmlsec1 in place (as libxml2
# cuts an element out, with prefixes that stand further out) in every way that it can, and with keys that openssl wraps in
# the ways that xmlsec1 1.2 cannot. What we allow must sign in, all else must be refused by name.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
if ! command -v dpkg-query >/dev/null && [ "${CI:-}" != true ]; then echo "skipped: this is not Debian"; exit 0; fi
need_packages openssl python3 xmlsec1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XMLSEC1_FOLDER=$work
tests=(cargo test --quiet --locked --features full --test encryption)
"${tests[@]}" what_xmlsec1_encrypts -- --ignored >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
python3 tests/xmlsec1.py "$work"
"${tests[@]}" what_xmlsec1_has_encrypted -- --ignored --nocapture >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
grep '^xmlsec1: ' "$work/log"
grep -q '^xmlsec1: 24 sign in, 33 are refused$' "$work/log" || { echo "xmlsec1: a way was left out" >&2; exit 1; }
