#!/usr/bin/env bash
# Signs in and out at real identity providers on loopback with our metadata and our messages, and lets examples/inspect and
# examples/sp_routes judge what they answer: see interop/interop.py. Installs them; leaves nothing running.
#   tests/interop.sh            those that are quick to install
#   tests/interop.sh all        all
#   tests/interop.sh NAME...    these
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
quick=(pysaml2 simplesamlphp samlp samlify lasso)
all=("${quick[@]}" lemonldap)
chosen=("${quick[@]}")
if [ "$*" = all ]; then chosen=("${all[@]}"); elif [ $# -gt 0 ]; then chosen=("$@"); fi
for name in "${chosen[@]}"; do
  [[ " ${all[*]} " == *" $name "* ]] || { echo "interop: $name is none of ${all[*]}" >&2; exit 2; }
done
need_shared
packages=(curl openssl python3 python3-venv xmlsec1)
case " ${chosen[*]} " in *" lasso "*) packages+=(python3-lasso) ;; esac
case " ${chosen[*]} " in *" saml"[pi]*)
  # Node may have come otherwise than as a package of Debian's.
  command -v node >/dev/null || packages+=(nodejs)
  command -v npm >/dev/null || packages+=(npm) ;;
esac
need_packages "${packages[@]}"
build_examples

idps=$shared/idps cache=${XDG_CACHE_HOME:-$HOME/.cache}/entra-sso-tests
# installed NAME LIST - installs into a folder of its own, which is kept for as long as the list of what is to be in it.
installed() {
  local name=$1 list=$idps/$1/$2 to=$cache/$1
  if ! cmp -s "$list" "$to/installed.txt"; then
    echo "installing $name"
    rm -rf "$to"
    mkdir -p "$cache"
    npm_config_loglevel=error "$idps/$name/install.sh" "$to" >/dev/null
    cp "$list" "$to/installed.txt"
  fi
}
# A virtual environment names its Python by its path: another one may stand there now. interop.py needs it too.
"$cache/pysaml2/bin/python" -c 'import saml2' 2>/dev/null || rm -rf "$cache/pysaml2"
installed pysaml2 requirements.txt
export VENV=$cache/pysaml2

for name in "${chosen[@]}"; do
  case $name in
    samlp | samlify) installed "$name" package.json ;;
    simplesamlphp | lemonldap) need_packaged_idp "$name" ;;
  esac
done

runs=$(mktemp -d)
stop_all() {
  local pid
  for pid in "$runs"/*/pid; do [ ! -e "$pid" ] || "$idps/common/stop.sh" "$(dirname "$pid")"; done
  rm -rf "$runs"
}
trap stop_all EXIT
NODE_CACHE=$cache "$VENV/bin/python" tests/interop/interop.py "$idps" "$runs" "${chosen[@]}"
