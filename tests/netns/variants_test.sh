#!/bin/bash
# Spec §8 in other surroundings: which pair each combination must end with, or that it says it has none.
source "$(dirname "$0")/../lab/lab.sh"
lab_begin
needs_binaries

# connects LOCAL1 REMOTE1 LOCAL2 REMOTE2: ping both ways, then the addresses of both ends of the path.
connects() {
  n1 ping -c1 -W15 "$(status bob .virtual_address)" >/dev/null
  n2 ping -c1 -W15 "$(status alice .virtual_address)" >/dev/null
  ok "ping passes both ways"
  ends alice bob "$1" "$2"
  ends bob alice "$3" "$4"
}
ends() {
  wait_until 10 "$1 is connected" peer_is "$1" "$2" connected
  # Nomination may still move the path right after the first packet.
  wait_until 5 "$1 uses $3 to $4 (it has $(ends_of "$1" "$2"))" ends_are "$1" "$2" "$3" "$4"
  ok "$1: $3 to $4"
}
ends_of() { peer "$1" "$2" '.path | [.local, .remote] | map(sub(":[0-9]+$"; "")) | join(" ")'; }
ends_are() { [[ $(ends_of "$1" "$2") == "$3 $4" ]]; }

# unreachable: nothing gets through, and both say so instead of trying silently for ever.
unreachable() {
  if n1 ping -c1 -W3 "$(status bob .virtual_address)" >/dev/null; then
    fail "ping passes where no direct path can exist"
    return 1
  fi
  ok "no packet passes"
  wait_until 45 "alice calls bob unreachable" peer_is alice bob unreachable
  ok "alice says: bob is unreachable"
  "$bin/causeway" --dir "$lab_dir/alice" peers | indent >&3
}

nats() { world_two_homes "$1" "$2"; world_nodes; }
holes() { nats "$1" "$2"; connects $client1_address $nat2_address $client2_address $nat1_address; }

full_cone_and_port_restricted() { holes full_cone port_restricted; }
address_restricted_twice() { holes address_restricted address_restricted; }
behind_two_nats() { holes behind_nat port_restricted; }

# A symmetric NAT before a full cone: the cone's owner answers the port it sees (peer-reflexive).
symmetric_and_full_cone() { holes symmetric full_cone; }

symmetric_and_port_restricted() { nats symmetric port_restricted; unreachable; }
symmetric_twice() { nats symmetric symmetric; unreachable; }
udp_blocked() { nats udp_blocked port_restricted; unreachable; }

# Both in one LAN: the host pair, though both also have the same NAT-mapped address.
one_lan() {
  world_one_lan
  world_nodes
  connects 192.168.0.100 192.168.0.101 192.168.0.101 192.168.0.100
}

# Global IPv6 addresses behind stateful firewalls, and no UDP over IPv4.
ipv6() {
  world_ipv6
  world_nodes
  connects '[2001:db8:1:2::100]' '[2001:db8:2:2::100]' '[2001:db8:2:2::100]' '[2001:db8:1:2::100]'
}

rows=(
  one_lan full_cone_and_port_restricted address_restricted_twice behind_two_nats symmetric_and_full_cone
  symmetric_and_port_restricted symmetric_twice udp_blocked ipv6
)
(($# == 0)) || rows=("$@")
run_rows "${rows[@]}"
