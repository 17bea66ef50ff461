#!/bin/bash
# install_quietly.sh PACKAGE...: apt-get install that starts no service. Needs root.
set -eu -o pipefail
policy=/usr/sbin/policy-rc.d
saved=

restore() {
  rm -f "$policy"
  [[ -z $saved ]] || mv "$saved" "$policy"
}
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [[ -e $policy || -L $policy ]]; then
  saved=$policy.before-causeway.$$
  mv "$policy" "$saved"
fi
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

export DEBIAN_FRONTEND=noninteractive
options=(-y -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
apt-get "${options[@]}" update
apt-get "${options[@]}" install --no-install-recommends "$@" </dev/null
