# shellcheck shell=bash disable=SC2154,SC2034,SC2086,SC2119,SC2120
# NAT kinds by nftables. Sourced by lab.sh. Each function: NS of the router, inside client where the kind needs it;
# the NICs are called wan and lan. tests/netns/nat_kinds_test.sh measures that each does what its name says.
# Words of RFC 4787: mapping and filtering, endpoint-independent or address(-and-port)-dependent.

# Unasked packets die in the *input* hook, before their conntrack entry is confirmed: a confirmed entry would own
# the tuple (peer, our port), and the client's next packet to that peer would get another port, as if symmetric.
nat_filter='
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "wan" ct state established,related accept
    iifname "wan" drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "wan" ct state established,related accept
    iifname "wan" ct status dnat accept
    iifname "wan" drop
  }'

nat_load() { on "$1" nft -f - <<<"table ip nat { $2 $nat_filter
}"; }

# Endpoint-independent mapping (masquerade keeps the port), address-and-port-dependent filtering (conntrack).
nat_port_restricted() {
  nat_load "$1" '
    chain source { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }'
}

# Endpoint-independent mapping, address-dependent filtering: whoever was sent to may answer from any port.
nat_address_restricted() {
  nat_load "$1" '
    set asked { type inet_service . ipv4_addr; flags dynamic,timeout; timeout 2m; size 65535; }
    chain remember {
      type filter hook postrouting priority mangle;
      oifname "wan" meta l4proto udp update @asked { udp sport . ip daddr }
    }
    chain source { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }
    chain destination {
      type nat hook prerouting priority dstnat;
      iifname "wan" udp dport . ip saddr @asked dnat to '"$2"'
    }'
}

# Endpoint-independent mapping and filtering: a port in use is open to everybody.
nat_full_cone() {
  nat_load "$1" '
    set mapped { type inet_service; flags dynamic,timeout; timeout 2m; size 65535; }
    chain remember {
      type filter hook postrouting priority mangle;
      oifname "wan" meta l4proto udp update @mapped { udp sport }
    }
    chain source { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }
    chain destination {
      type nat hook prerouting priority dstnat;
      iifname "wan" udp dport @mapped dnat to '"$2"'
    }'
}

# Address-and-port-dependent mapping and filtering: another port for every destination.
nat_symmetric() {
  nat_load "$1" '
    chain source { type nat hook postrouting priority srcnat; oifname "wan" masquerade random,fully-random; }'
}

# Port-restricted, and no UDP leaves at all (TCP does).
nat_udp_blocked() {
  nat_load "$1" '
    chain block { type filter hook forward priority filter - 1; iifname "lan" meta l4proto udp drop; }
    chain source { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }'
}

# Nothing leaves but TCP to port 443.
nat_web_only() {
  nat_load "$1" '
    chain block { type filter hook forward priority filter - 1; iifname "lan" tcp dport != 443 drop; iifname "lan" meta l4proto != tcp drop; }
    chain source { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }'
}

# Endpoint-independent mapping for several hosts inside, address-and-port-dependent filtering, and packets from inside to
# the own outer address come back in with the outer source (RFC 4787 REQ-9). Second argument: the outer address.
nat_hairpin() {
  nat_load "$1" '
    map mapped { type inet_service : ipv4_addr; flags dynamic,timeout; timeout 2m; size 65535; }
    chain remember {
      type filter hook postrouting priority mangle;
      oifname "wan" meta l4proto udp update @mapped { udp sport : ip saddr }
    }
    chain source {
      type nat hook postrouting priority srcnat;
      oifname "wan" masquerade
      iifname != "wan" oifname != "wan" ct status dnat snat to '"$2"'
    }
    chain destination {
      type nat hook prerouting priority dstnat;
      iifname != "wan" ip daddr '"$2"' meta l4proto udp dnat to udp dport map @mapped
    }
    chain not_here {
      type filter hook input priority filter - 1;
      iifname != "wan" ip daddr '"$2"' drop
    }
    chain neighbours {
      type filter hook forward priority filter - 1;
      iifname != "wan" oifname != "wan" ct status & dnat == 0 drop
    }'
}
