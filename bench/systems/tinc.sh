# tinc 1.0's defaults are its recommendation: AES-256-CBC with SHA-256 over UDP, router mode, MTU found by probing.
# Socket buffers of 1 MB are what tinc 1.1 sets by itself ("of paramount importance"); 1.0 leaves them to the system.
title=tinc
settings="AES-256-CBC, SHA-256, UDP, MTU by its discovery, socket buffers 1 MB"
daemons=(tinc1 tinc2)
version() { version_of tinc; }

prepare() {
  local number
  for number in 1 2; do
    mkdir -p "$work/$number/hosts"
    cat >"$work/$number/tinc.conf" <<END
Name = node$number
DeviceType = tun
Mode = router
Interface = tinc
UDPRcvBuf = 1048576
UDPSndBuf = 1048576
$( ((number == 1)) || echo ConnectTo = node1)
END
    printf '#!/bin/sh\nip addr add 10.20.0.%s/24 dev tinc\nip link set tinc up\n' $number >"$work/$number/tinc-up"
    chmod +x "$work/$number/tinc-up"
    printf 'Address = %s\nSubnet = 10.20.0.%s/32\n' "$(cable $number)" $number >"$work/$number/hosts/node$number"
    tincd -c "$work/$number" -K4096 </dev/null
  done
  cp "$work/1/hosts/node1" "$work/2/hosts/"
  cp "$work/2/hosts/node2" "$work/1/hosts/"
}
up() {
  start "tinc$1" "client$1" tincd -c "$work/$1" --pidfile="$work/$1.pid" -D -d1
  wait_until 5 "tinc's interface is up" has_address "client$1" "10.20.0.$1"
}
# Until the MTU is known, everything takes the TCP connection.
ready() {
  wait_until 15 "tinc has found the MTU" knows_mtu 1
  wait_until 15 "tinc has found the MTU" knows_mtu 2
}
# SIGUSR2 makes it write what it knows of every node.
knows_mtu() {
  : >"$lab_dir/log/tinc$1"
  kill -USR2 "$(pid_of "tinc$1")"
  poll 1 grep -q 'End of subnet list' "$lab_dir/log/tinc$1" &&
    grep "node$((3 - $1)) at" "$lab_dir/log/tinc$1" | grep -qE 'pmtu ([0-9]{4}) \(min \1 max \1\)'
}
