# Defaults: MTU 1420 of its own. Interface names carry the run id: its control sockets lie in one folder for all
# namespaces.
title=wireguard-go
settings="MTU 1420 (its default)"
daemons=(wireguard_go1 wireguard_go2)
version() { version_of wireguard-go; }

prepare() {
  local number
  for number in 1 2; do wg genkey >"$work/$number"; done
}
up() {
  local other=$((3 - $1)) interface=wg$1-$lab_run
  start "wireguard_go$1" "client$1" wireguard-go -f "$interface"
  wait_until 5 "wireguard-go takes commands" on "client$1" wg show "$interface"
  on "client$1" wg set "$interface" private-key "$work/$1" listen-port 51820 \
    peer "$(wg pubkey <"$work/$other")" endpoint "$(cable $other):51820" allowed-ips 10.20.0.$other/32
  add_address "client$1" "$interface" "10.20.0.$1/24"
  on "client$1" ip link set "$interface" up
}
