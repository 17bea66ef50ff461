# Debian 12 has n2n 1.3, whose only cipher is Twofish; MTU 1400 is its default, a fixed MAC address (-m) "highly
# recommended" by edge(8). The supernode stands in client1's namespace; it only introduces the two to each other.
title=n2n
settings="Twofish (its only cipher), MTU 1400 (its default)"
daemons=(n2n1 n2n2)
version() { version_of n2n; }
prepare() { :; }

up() {
  if (($1 == 1)); then
    start supernode client1 supernode -l 7654
    wait_until 5 "the supernode listens" listens_udp client1 7654
  fi
  start "n2n$1" "client$1" edge -d n2n -a "10.20.0.$1" -s 255.255.255.0 -c bench -k bench-secret \
    -m "02:00:00:00:00:0$1" -p 50001 -l $cable1:7654
  wait_until 5 "the edge's interface is up" has_address "client$1" "10.20.0.$1"
}
# Until the edges know each other, packets take the way over the supernode.
ready() { wait_until 15 "the edges speak without the supernode" supernode_rests; }
supernode_rests() {
  local before
  before=$(cpu_switches supernode)
  on client1 ping -q -n -i 0.002 -c 50 -w 2 "$address"
  (($(cpu_switches supernode) - before < 25))
}
cpu_switches() { awk '/ctxt_switches/ { sum += $2 } END { print sum }' "/proc/$(pid_of "$1")/status"; }
down() { stop n2n2; stop n2n1; stop supernode; }
