#!/usr/bin/env bash
# Watches, with strace, that no message makes libxmlsec1 open a file or a socket (feature `xmlsec`): between the marks
# that the test leaves there must be no such system call at all. The control must show that strace would see them.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need_packages libclang-dev libxmlsec1-dev pkg-config strace
if ! strace -qq -o /dev/null true 2>/dev/null; then
  echo "not traced: ptrace is not permitted here; the test has a listener and a pipe of its own"
  exit 0
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
program=$(cargo test --locked --features full,xmlsec --test second_opinion --no-run 2>&1 |
  sed -n 's/^ *Executable .*(\(.*\))$/\1/p')

calls() { # calls TEST BEGIN END - the calls for files and sockets between two marks
  strace -f -qq -e trace=%file,%network -e signal=none -o "$log" "$program" --exact "nothing_opened::$1" >/dev/null 2>&1 ||
    { echo "the test $1 fails under strace" >&2; return 1; }
  grep -q "mark-of-second-opinion/$2" "$log" && grep -q "mark-of-second-opinion/$3" "$log" ||
    { echo "strace saw no marks" >&2; return 1; }
  sed "1,/mark-of-second-opinion\/$2/d; /mark-of-second-opinion\/$3/,\$d" "$log"
}

control=$(calls a_message_as_it_came_would_make_the_library_open_both control-begin control-end)
for wanted in 'connect(.*127\.0\.0\.1' 'openat(.*entra-sso-.*-control'; do
  grep -q "$wanted" <<<"$control" || { echo "the control shows no $wanted:" "$control" >&2; exit 1; }
done
found=$(calls no_message_makes_the_library_open_a_file_or_a_socket begin end)
[ -z "$found" ] || { echo "opened on behalf of a message:" "$found" >&2; exit 1; }
echo "nothing was opened; the control opened a socket and a file"
