# shellcheck shell=bash disable=SC2154,SC2034
# Two machines joined by two emulated links, and a third network for the address server, which they do not offer to
# each other. Sourced by the labs of path control.
#
#   client1 eth0 ---- left  wire0  right ---- eth0 client2     192.0.2.0/24
#   client1 eth1 ---- left  wire1  right ---- eth1 client2     198.51.100.0/24
#   client1 mgmt ------------ server ------------ mgmt client2     203.0.113.0/24

link0_address1=192.0.2.1 link0_address2=192.0.2.2
link1_address1=198.51.100.1 link1_address2=198.51.100.2

# world_two_links [EMULATOR OPTION...]: the options of both links.
world_two_links() {
  local i link nic
  server_address=203.0.113.10 stun2_address=203.0.113.11
  add_ns client1 client2 server wire0 wire1
  on server ip link add switch type bridge
  on server ip link set switch up
  add_address server switch $server_address/24
  add_address server switch $stun2_address/24
  for i in 1 2; do
    add_link "client$i" mgmt server "port$i"
    on server ip link set "port$i" master switch
    add_address "client$i" mgmt "203.0.113.$i/24"
    nic=$( ((i == 1)) && echo left || echo right)
    for link in 0 1; do
      add_link "client$i" "eth$link" "wire$link" "$nic"
      # The emulator copies frames, so what comes in must be packets as they would be on a wire.
      on "client$i" ethtool -K "eth$link" tx off tso off gso off tx-udp-segmentation off >/dev/null 2>&1
      on "wire$link" ethtool -K "$nic" tx off tso off gso off >/dev/null 2>&1
    done
    add_address "client$i" eth0 "192.0.2.$i/24"
    add_address "client$i" eth1 "198.51.100.$i/24"
  done
  start_wire 0 "$@"
  start_wire 1 "$@"
}

# start_wire NUMBER [OPTION...]: takes commands from wire() as long as it runs.
start_wire() {
  local number=$1 pipe=$lab_dir/wire$1.commands
  shift
  mkfifo "$pipe"
  # Open for good, so that the emulator never reads an end.
  exec {wire_pipe}<>"$pipe"
  # shellcheck disable=SC2016
  start "wire$number" "wire$number" sh -c 'pipe=$1; shift; exec "$@" <"$pipe"' sh "$pipe" \
    "$bin/link_emulator" left right "$@" seed "$((RANDOM + number))"
}
# wire NUMBER WORD...: cut, heal, loss 0.1, left delay-ms 20 …
wire() { local number=$1; shift; echo "$*" >"$lab_dir/wire$number.commands"; }

# two_nodes: daemons alice and bob that know of the two links only, connected.
two_nodes() {
  local i
  cat >"$lab_dir/config.json" <<<'{ "candidates": { "deny_interfaces": ["mgmt"] }, "hosts_file": false }'
  server_init
  server_start
  node_join 1 alice --config "$lab_dir/config.json"
  wait_online alice
  node_join 2 bob --config "$lab_dir/config.json"
  wait_online bob
  alice_address=$(status alice .virtual_address)
  bob_address=$(status bob .virtual_address)
  wait_until 15 "ping passes" on client1 ping -c1 -W1 "$bob_address"
  wait_until 15 "both links are warm paths" both_are_warm
  wait_until 15 "both ends are on one path" on_one_path
}
valid_paths() { ask "$1" checks "$2" --json | jq '[.[] | select(.valid)] | length'; }
has_two_paths() { (($(valid_paths "$1" "$2") >= 2)); }
# warm_paths NAME PEER: valid ones on which data is not lost.
warm_paths() { ask "$1" explain "$2" --json | jq '[.pairs[] | select(.valid and (.dead | not) and .mtu_proven)] | length'; }
both_are_warm() { (($(warm_paths alice bob) >= 2 && $(warm_paths bob alice) >= 2)); }
# link_in_use NAME PEER: 0 or 1.
link_in_use() {
  case $(peer "$1" "$2" .path.local) in
    192.0.2.*) echo 0 ;;
    198.51.100.*) echo 1 ;;
    *) echo none ;;
  esac
}
on_one_path() { [[ $(link_in_use alice bob) != none && $(link_in_use alice bob) == "$(link_in_use bob alice)" ]]; }
