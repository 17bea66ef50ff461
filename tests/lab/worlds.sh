# shellcheck shell=bash disable=SC2154,SC2034,SC2086,SC2119,SC2120
# Topologies. Sourced by lab.sh. Addresses of the public side are documentation ranges (RFC 5737, RFC 3849).

client1_address=192.168.0.100 client2_address=172.16.13.11
nat1_address=198.51.100.1 nat2_address=203.0.113.1
server_address=192.0.2.10 stun2_address=192.0.2.11
server_port=443 stun_port=3478

# The public side: a router that knows public networks only, and the machine of the address server.
world_public() {
  add_ns internet server
  forwarding internet
  add_link internet dc server eth0
  add_address internet dc 192.0.2.254/24
  add_address server eth0 $server_address/24 192.0.2.254
  add_address server eth0 $stun2_address/24
}

# uplink NS NIC NUMBER ADDRESS/24 GATEWAY: a customer's line.
uplink() {
  add_link "$1" "$2" internet "isp$3"
  add_address internet "isp$3" "$5/24"
  add_address "$1" "$2" "$4" "$5"
}

# home NUMBER KIND: client and router of one household. KIND: port_restricted, address_restricted, full_cone,
# symmetric, udp_blocked, behind_nat (port-restricted behind a port-restricted carrier NAT).
home() {
  local number=$1 kind=$2 router=nat$1 wan gateway lan client length
  if ((number == 1)); then
    wan=$nat1_address gateway=198.51.100.254 lan=192.168.0.1 client=$client1_address length=24
  else
    wan=$nat2_address gateway=203.0.113.254 lan=172.16.0.1 client=$client2_address length=16
  fi
  add_ns "nat$number" "client$number"
  forwarding "nat$number"
  add_link "client$number" eth0 "nat$number" lan
  add_address "nat$number" lan "$lan/$length"
  add_address "client$number" eth0 "$client/$length" "$lan"
  if [[ $kind == behind_nat ]]; then
    router=carrier$number
    add_ns "$router"
    forwarding "$router"
    add_link "nat$number" wan "$router" lan
    add_address "$router" lan "100.64.$number.1/24"
    add_address "nat$number" wan "100.64.$number.2/24" "100.64.$number.1"
    nat_port_restricted "nat$number"
    kind=port_restricted
  fi
  uplink "$router" wan "$number" "$wan/24" "$gateway"
  "nat_$kind" "$router" "$client"
}

# world_two_homes [KIND1 [KIND2]]: spec §8.
world_two_homes() {
  world_public
  home 1 "${1:-port_restricted}"
  home 2 "${2:-port_restricted}"
}

# Both clients in one LAN behind one port-restricted NAT: client2 is 192.168.0.101.
world_one_lan() {
  world_public
  add_ns nat1 client1 client2
  forwarding nat1
  on nat1 ip link add lan type bridge
  on nat1 ip link set lan up
  add_address nat1 lan 192.168.0.1/24
  local number
  for number in 1 2; do
    add_link "client$number" eth0 nat1 "port$number"
    on nat1 ip link set "port$number" master lan
    add_address "client$number" eth0 192.168.0.$((99 + number))/24 192.168.0.1
  done
  uplink nat1 wan 1 $nat1_address/24 198.51.100.254
  nat_port_restricted nat1
}

# Two homes without NAT for IPv6: clients have global addresses behind stateful firewalls, and IPv4 as in spec §8
# reaches the server only (UDP blocked), so that the path must be an IPv6 one.
world_ipv6() {
  local number ns
  world_two_homes udp_blocked udp_blocked
  for ns in internet server client1 client2 nat1 nat2; do enable_ipv6 "$ns"; done
  for ns in internet nat1 nat2; do on "$ns" sysctl -qw net.ipv6.conf.all.forwarding=1; done
  add_address internet dc 2001:db8:ffff::254/64
  add_address server eth0 2001:db8:ffff::10/64
  on server ip -6 route add default via 2001:db8:ffff::254
  for number in 1 2; do
    add_address internet "isp$number" "2001:db8:$number:1::254/64"
    add_address "nat$number" wan "2001:db8:$number:1::1/64"
    on "nat$number" ip -6 route add default via "2001:db8:$number:1::254"
    on internet ip -6 route add "2001:db8:$number:2::/64" via "2001:db8:$number:1::1"
    add_address "nat$number" lan "2001:db8:$number:2::1/64"
    add_address "client$number" eth0 "2001:db8:$number:2::100/64"
    on "client$number" ip -6 route add default via "2001:db8:$number:2::1"
    on "nat$number" nft -f - <<<'table ip6 firewall { chain forward {
      type filter hook forward priority filter; policy accept;
      iifname "wan" ct state established,related accept
      iifname "wan" meta l4proto ipv6-icmp accept
      iifname "wan" drop
    }
}'
  done
}

# What reaches the server's NIC, apart: messages to its own ports, and everything else (which must stay zero).
count_server_traffic() {
  on server nft -f - <<<"table ip account {
    counter signalling { }
    counter stun { }
    counter other { }
    chain arriving {
      type filter hook prerouting priority raw; policy accept;
      iifname \"eth0\" tcp dport $server_port counter name signalling accept
      iifname \"eth0\" udp dport $stun_port counter name stun accept
      iifname \"eth0\" counter name other
    }
  }"
}
# server_bytes NAME: signalling, stun or other.
server_bytes() { on server nft -j list counter ip account "$1" | jq '.nftables[] | .counter? // empty | .bytes'; }
