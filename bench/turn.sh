# shellcheck shell=bash disable=SC2034,SC2154
# A system's turn on the cable: started, used, stopped by pid, so that no other one takes CPU. Sourced by bench.sh and
# profile.sh, after tests/lab/lab.sh.
#
#   client1 eth0 -------- veth, MTU 1500 -------- eth0 client2
#   198.51.100.1                                  198.51.100.2
#
# systems/NAME.sh says how one system is run: title, settings, daemons (names of its processes, for CPU and memory),
# version, prepare (once: keys and files in $work), up NUMBER (starts one end), ready (more to wait for than the first
# reply), down. The virtual address of the second end is $address.

bench_source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cable1=198.51.100.1 cable2=198.51.100.2
lab_poll_interval=0.005

world_cable() {
  add_ns client1 client2
  add_link client1 eth0 client2 eth0
  add_address client1 eth0 $cable1/24
  add_address client2 eth0 $cable2/24
}
cable() { if (($1 == 1)); then echo $cable1; else echo $cable2; fi; }

all_systems() { echo veth causeway causeway_no_aes wireguard_go nebula tinc n2n openvpn fastd; }

# load_system NAME: its functions replace those of the last one; meant for a subshell.
load_system() {
  work=$lab_dir/systems/$1
  address=10.20.0.2
  only_figures=
  ready() { :; }
  down() { local name; for name in "${daemons[@]}"; do stop "$name"; done; }
  source "$bench_source/systems/$1.sh"
}

# begin_turn: both ends run and answer; ms_to_connect is the time from the start of the second end to its first reply.
begin_turn() {
  local started
  cable_offloads on
  [[ -e $work.prepared ]] || { rm -rf "$work"; mkdir "$work"; prepare; : >"$work.prepared"; } >"$lab_dir/log/prepare"
  up 1
  started=${EPOCHREALTIME/./}
  up 2
  first_reply
  ms_to_connect=$(((${EPOCHREALTIME/./} - started) / 1000))
  ready
}
# From the second end, every 10 ms, until one is answered.
first_reply() {
  local target=10.20.0.1
  [[ $address != "$cable2" ]] || target=$cable1
  on client2 ping -q -n -i 0.01 -c 1 -w 20 $target >"$lab_dir/log/ping" || { fail "no reply within 20 s"; return 1; }
}

# ---- what the systems' files use ----------------------------------------------------------------------------

version_of() { dpkg-query -W -f='${Version}' "$1"; }
listens() { [[ -n $(on "$1" ss -Hltn "sport = :$2") ]]; }
listens_udp() { [[ -n $(on "$1" ss -Hlun "sport = :$2") ]]; }
has_address() { on "$1" ip -4 -o addr show up | grep -qF " $2"; }

# ---- the cable ----------------------------------------------------------------------------------------------

# Without them a packet is cut before the cable, as it would be by the driver of a simple NIC. GRO is off on a veth.
cable_offloads() {
  local ns
  for ns in client1 client2; do on $ns ethtool -K eth0 tso "$1" gso "$1" gro off tx-udp-segmentation "$1"; done
}

# ---- what the daemons take ----------------------------------------------------------------------------------

daemons_cpu() {
  local name
  for name in "${daemons[@]}"; do cpu_seconds "$name"; done | awk '{ sum += $1 } END { printf "%.2f\n", sum }'
}
# The largest of them ever was, in MB (10^6 bytes).
daemons_memory() {
  local name
  for name in "${daemons[@]}"; do awk '/^VmHWM/ { print $2 * 1024 / 1e6 }' "/proc/$(pid_of "$name")/status"; done |
    sort -g | tail -n 1
}
