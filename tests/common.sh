# shellcheck shell=bash
# What the shell tests share; source it from a script in tests/. Goes to the project's root and offers:
#   need_packages NAME...   installs the Debian packages that are missing
#   need_packaged_idp NAME  installs an identity provider that is packages of Debian's
#   build_examples          builds the examples once, in release; sets INSPECT, SP_MESSAGES, SP_ROUTES and ENTRA_LOGIN
#   $target, $shared        the build directory; the folder of test data beside the project
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
shared=$(realpath -m "${SHARED:-../shared}")
export PYTHONDONTWRITEBYTECODE=1 # the tree stays as it is

need_packages() {
  local name missing=() as_root=()
  command -v dpkg-query >/dev/null || { echo "not Debian: have these installed: $*" >&2; return 1; }
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  echo "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

need_packaged_idp() {
  local name=$1 folder program
  case $name in
    simplesamlphp) folder=/usr/share/simplesamlphp/www program=php8.2 ;;
    lemonldap) folder=/usr/share/lemonldap-ng/portal program=starman ;;
    *) echo "$name is no package" >&2; return 1 ;;
  esac
  if [ -d "$folder" ] && command -v "$program" >/dev/null; then return; fi
  echo "installing $name"
  "$shared/idps/$name/install.sh" >/dev/null
}

# A program that is named in the environment already is taken as it is.
build_examples() {
  if [ -z "${INSPECT:-}" ] || [ -z "${SP_MESSAGES:-}" ] || [ -z "${SP_ROUTES:-}" ] ||
    [ -z "${ENTRA_LOGIN:-}" ]; then
    cargo build --quiet --locked --release --examples --features full
  fi
  export INSPECT=${INSPECT:-$target/release/examples/inspect}
  export SP_MESSAGES=${SP_MESSAGES:-$target/release/examples/sp_messages}
  export SP_ROUTES=${SP_ROUTES:-$target/release/examples/sp_routes}
  export ENTRA_LOGIN=${ENTRA_LOGIN:-$target/release/examples/entra_login}
}

# Without the folder of test data a developer may go on; CI may not.
need_shared() {
  [ -d "$shared/idps" ] && return
  [ "${CI:-}" = true ] && { echo "CI needs the folder ../shared beside the project" >&2; exit 1; }
  echo "skipped: no folder ../shared beside the project"
  exit 0
}
