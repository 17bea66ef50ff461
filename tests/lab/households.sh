# shellcheck shell=bash disable=SC2154,SC2034,SC2086
# Many households in one world, two of each kind of network: the NAT matrix (tests/netns/matrix_test.sh).
#
#   clienta-KIND --- nata-KIND ---+                      +--- natb-KIND --- clientb-KIND
#   192.168.N.100   198.51.100.x  |                      |   203.0.113.x    172.16.N.100
#                                 +----- internet -------+
#                                           |
#                server 192.0.2.10 and .11: address server, STUN; relay 203.0.113.241: TURN
#
# Kinds are those of nat.sh, and: none (the client has a public address), behind_nat (port-restricted twice),
# web_only (TCP to port 443 and nothing else), same_lan (a and b are neighbours behind one port-restricted NAT),
# hairpin (a and b have a router each, and those share a carrier's NAT that turns packets to itself around).

matrix_kinds=(none full_cone address_restricted port_restricted symmetric behind_nat udp_blocked web_only same_lan hairpin)

# Where a household is: sets wan, gateway (of a /28) and lan (the first three bytes of a /24).
household_place() {
  local side=$1 number=$2 net
  if [[ $side == a ]]; then net=198.51.100 lan=192.168.$number; else net=203.0.113 lan=172.16.$number; fi
  wan=$net.$((number * 16 + 1)) gateway=$net.$((number * 16 + 14))
}

# A customer's line with a public /28.
household_line() {
  local ns=$1 nic=$2 side=$3 number=$4
  add_link "$ns" "$nic" internet "isp-$side$number"
  add_address internet "isp-$side$number" "$gateway/28"
  add_address "$ns" "$nic" "$wan/28" "$gateway"
}

# A client in the LAN of a router that stands.
household_client() {
  local client=$1 router=$2 network=$3
  add_ns "$client"
  add_link "$client" eth0 "$router" lan
  add_address "$router" lan "$network.1/24"
  add_address "$client" eth0 "$network.100/24" "$network.1"
}

# household SIDE KIND NUMBER: every kind but same_lan and hairpin.
household() {
  local side=$1 kind=$2 number=$3 wan gateway lan
  local client=client$side-$kind router=nat$side-$kind outer
  household_place "$side" "$number"
  if [[ $kind == none ]]; then
    add_ns "$client"
    household_line "$client" eth0 "$side" "$number"
    return
  fi
  add_ns "$router"
  forwarding "$router"
  household_client "$client" "$router" "$lan"
  outer=$router
  if [[ $kind == behind_nat ]]; then
    outer=carrier$side
    add_ns "$outer"
    forwarding "$outer"
    add_link "$router" wan "$outer" lan
    add_address "$outer" lan 100.64.9.1/24
    add_address "$router" wan 100.64.9.2/24 100.64.9.1
    nat_port_restricted "$router"
    kind=port_restricted
  fi
  household_line "$outer" wan "$side" "$number"
  "nat_$kind" "$outer" "$lan.100"
}

# Two neighbours; everything else as a port-restricted household.
household_same_lan() {
  local number=$1 wan gateway lan side
  household_place a "$number"
  add_ns natlan
  forwarding natlan
  on natlan ip link add lan type bridge
  on natlan ip link set lan up
  add_address natlan lan "$lan.1/24"
  for side in a b; do
    add_ns "client$side-same_lan"
    add_link "client$side-same_lan" eth0 natlan "port-$side"
    on natlan ip link set "port-$side" master lan
  done
  add_address clienta-same_lan eth0 "$lan.100/24" "$lan.1"
  add_address clientb-same_lan eth0 "$lan.101/24" "$lan.1"
  household_line natlan wan a "$number"
  nat_port_restricted natlan
}

# Two households behind one carrier that hairpins (RFC 4787 §6).
household_hairpin() {
  local number=$1 wan gateway lan side
  household_place a "$number"
  add_ns carrierhp
  forwarding carrierhp
  for side in a b; do
    add_ns "nat$side-hairpin"
    forwarding "nat$side-hairpin"
    add_link "nat$side-hairpin" wan carrierhp "line-$side"
    nat_port_restricted "nat$side-hairpin"
  done
  household_client clienta-hairpin nata-hairpin 192.168.101
  household_client clientb-hairpin natb-hairpin 192.168.102
  add_address carrierhp line-a 100.64.8.1/30
  add_address nata-hairpin wan 100.64.8.2/30 100.64.8.1
  add_address carrierhp line-b 100.64.8.5/30
  add_address natb-hairpin wan 100.64.8.6/30 100.64.8.5
  household_line carrierhp wan a "$number"
  nat_hairpin carrierhp "$wan"
}

# All of them, several at a time: the kernel does most of it in parallel.
households() {
  local number=0 kind side jobs=()
  for kind in "${matrix_kinds[@]}"; do
    case $kind in
      same_lan | hairpin)
        household_$kind $number &
        jobs+=($!)
        ;;
      *)
        for side in a b; do
          household $side "$kind" $number &
          jobs+=($!)
        done
        ;;
    esac
    number=$((number + 1))
  done
  for number in "${jobs[@]}"; do wait "$number"; done
}

# The machine of the TURN server.
relay_address=203.0.113.241
relay_machine() {
  add_ns relay
  add_link relay eth0 internet isp-relay
  add_address internet isp-relay 203.0.113.254/28
  add_address relay eth0 $relay_address/28 203.0.113.254
}
