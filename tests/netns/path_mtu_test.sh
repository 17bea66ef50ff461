#!/bin/bash
# The underlay carries 1500, 1400 or 1280 bytes in its middle, with routers that say so (ICMP) and with routers that
# don't (a black hole), and it comes to carry less in the middle of a transfer. 50 MB never stall for more than two
# seconds, and arrive as they left.
#
#   client1 eth0 ---- left near mid ---- mid far right ---- eth0 client2       mid: the MTU that is tested
#   client1 mgmt ------------------ server ------------------ mgmt client2     not offered to each other
source "$(dirname "$0")/../lab/lab.sh"
lab_begin
needs_binaries

port=7200
bytes=50000000

make_world() {
  local i
  server_address=203.0.113.10 stun2_address=203.0.113.11
  add_ns client1 client2 server near far
  on server ip link add switch type bridge
  on server ip link set switch up
  add_address server switch $server_address/24
  add_address server switch $stun2_address/24
  for i in 1 2; do
    add_link "client$i" mgmt server "port$i"
    on server ip link set "port$i" master switch
    add_address "client$i" mgmt "203.0.113.$i/24"
  done
  forwarding near
  forwarding far
  add_link client1 eth0 near left
  add_link client2 eth0 far right
  add_link near mid far mid
  add_address near left 192.0.2.254/24
  add_address far right 198.51.100.254/24
  add_address client1 eth0 192.0.2.1/24 192.0.2.254
  add_address client2 eth0 198.51.100.1/24 198.51.100.254
  add_address near mid 192.0.0.1/30 192.0.0.2
  add_address far mid 192.0.0.2/30 192.0.0.1
  for i in near far; do
    on "$i" nft -f - <<<'table ip silence {
      chain out { type filter hook output priority filter; policy accept; }
    }'
  done
}
# middle MTU: what the link between the routers carries.
middle() {
  on near ip link set mid mtu "$1"
  on far ip link set mid mtu "$1"
}
# routers silent|honest: whether they tell that a packet was too big.
routers() {
  local i
  for i in near far; do
    on "$i" nft flush chain ip silence out
    [[ $1 == honest ]] || on "$i" nft add rule ip silence out icmp type destination-unreachable drop
  done
}
nodes_begin() {
  local i
  for i in 1 2; do on "client$i" ip route flush cache; done
  node_start 1 alice --config "$lab_dir/config.json"
  node_start 2 bob --config "$lab_dir/config.json"
  wait_online alice
  wait_online bob
  wait_until 15 "ping passes" on client1 ping -c1 -W1 "$bob_address"
}
nodes_end() { stop alice; stop bob; }

transfer_begin() {
  rm -f "$lab_dir/log/receiver" "$lab_dir/log/sender"
  start receiver client2 "$python" "$lab_source/arrivals.py" receive "$bob_address" $port
  wait_until 5 "the receiver listens" grep -qs ready "$lab_dir/log/receiver"
  start sender client1 "$python" "$lab_source/arrivals.py" send "$bob_address" $port 60 $bytes "$1"
}
# transfer_end WHAT
transfer_end() {
  local stall
  wait_until 60 "the transfer is done" is_stopped receiver
  wait_until 5 "the sender is done" is_stopped sender
  rm -f "$lab_dir/pids/sender" "$lab_dir/pids/receiver"
  stall=$(awk '$1 == "gap" && $3 > most { most = $3 } END { printf "%d\n", most / 1000 }' "$lab_dir/log/receiver")
  check "$1: longest stall $stall ms" test "$stall" -le 2000
  check "$1: SHA-256 is the same" test -n "$(hash_of sender)" -a "$(hash_of sender)" == "$(hash_of receiver)"
}
hash_of() { awk '$1 == "sha256" { print $2 }' "$lab_dir/log/$1"; }
path_mtu_is() { [[ $(peer alice bob .path.mtu) == "$1" && $(peer bob alice .path.mtu) == "$1" ]]; }

# underlay MTU silent|honest
underlay() {
  middle "$1"
  routers "$2"
  nodes_begin
  transfer_begin 0
  transfer_end "an underlay of $1 bytes, $2 routers"
  wait_until 5 "both ends know the path carries $1 bytes" path_mtu_is "$1"
  ok "path MTU $(peer alice bob .path.mtu)"
  nodes_end
}
# Of the transfer under way.
ten_more_megabytes() {
  local before
  before=$(link_bytes client2 cw0 rx)
  has_ten_more() { (($(link_bytes client2 cw0 rx) > before + 10000000)); }
  wait_until 10 "10 MB more arrive" has_ten_more
}
# decrease silent|honest
decrease() {
  middle 1500
  routers "$1"
  nodes_begin
  wait_until 5 "both ends know the path carries 1500 bytes" path_mtu_is 1500
  transfer_begin 10000000
  ten_more_megabytes
  middle 1400
  wait_until 3 "both ends know the path carries 1400 bytes" path_mtu_is 1400
  ten_more_megabytes
  middle 1280
  wait_until 3 "both ends know the path carries 1280 bytes" path_mtu_is 1280
  transfer_end "1500, 1400, 1280 in mid-life, $1 routers"
  nodes_end
}

step "Two nodes across two routers"
make_world
cat >"$lab_dir/config.json" <<<'{ "candidates": { "deny_interfaces": ["mgmt"] }, "hosts_file": false }'
server_init
server_start
node_join 1 alice --config "$lab_dir/config.json"
wait_online alice
node_join 2 bob --config "$lab_dir/config.json"
wait_online bob
bob_address=$(status bob .virtual_address)
nodes_end

step "Routers that are silent"
for mtu in 1500 1400 1280; do underlay "$mtu" silent; done
decrease silent
step "Routers that are honest"
for mtu in 1500 1400 1280; do underlay "$mtu" honest; done
decrease honest
