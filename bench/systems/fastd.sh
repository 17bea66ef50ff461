# Method and MTU of its manual: salsa2012+umac is its recommended cipher with encryption, and 1448 = 1500 - 28 - 24 its
# example for TUN mode over IPv4 (doc/source/manual/mtu.rst).
title=fastd
settings="salsa2012+umac, tun mode, MTU 1448"
daemons=(fastd1 fastd2)
version() { version_of fastd; }

prepare() {
  local number
  for number in 1 2; do fastd --generate-key >"$work/$number.keys" 2>/dev/null; done
  for number in 1 2; do
    cat >"$work/$number.conf" <<END
log level info;
mode tun;
interface "fastd";
method "salsa2012+umac";
bind $(cable $number):10000;
mtu 1448;
secret "$(sed -n 's/Secret: //p' "$work/$number.keys")";
on up "ip addr add 10.20.0.$number/24 dev fastd; ip link set fastd up";
peer "other" {
  remote $(cable $((3 - number))):10000;
  key "$(sed -n 's/Public: //p' "$work/$((3 - number)).keys")";
}
END
  done
}
up() {
  start "fastd$1" "client$1" fastd --config "$work/$1.conf"
  wait_until 5 "fastd's interface is up" has_address "client$1" "10.20.0.$1"
}
