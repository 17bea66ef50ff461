#!/bin/bash
# lab_bench.sh [--rounds N] [--seconds S] [--connects N]: called by `./run bench`. Prints Markdown, then JSON.
#
# 1. First packet to first reply between peers that have not met, across the two NATs of spec §8.
# 2. TCP, one stream, by iperf3 between two namespaces joined by one veth cable, rounds interleaved so that the
#    machine's mood meets all alike: the bare cable, Causeway, Debian's wireguard-go. CPU is user + system time of
#    the two tunnel daemons, per 10^9 bytes of TCP payload. Medians; a veth never cuts a UDP GSO packet.
source "$(dirname "$0")/../tests/lab/lab.sh"

rounds=5 seconds=4 connects=10 only=
while (($#)); do
  case $1 in
    --rounds) rounds=$2 ;;
    --seconds) seconds=$2 ;;
    --connects) connects=$2 ;;
    --only) only=$2 ;; # connect, or names of tunnels: "veth wireguard"
    *) die "usage: bench [--rounds N] [--seconds S] [--connects N] [--only 'connect veth causeway wireguard']" ;;
  esac
  shift 2
done
lab_begin iperf3 wg wireguard-go
wants() { [[ -z $only || " $only " == *" $1 "* ]]; }
! wants causeway && ! wants connect || needs_binaries

median() { sort -g | awk '{ v[NR] = $1 } END { if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
largest() { sort -g | tail -n 1; }

# ---- 1. first packet to first reply -------------------------------------------------------------------------

measure_connects() {
  local number name
  world_two_homes
  server_init
  server_start
  node_join 1 alice
  wait_online alice
  node_join 2 bob
  wait_online bob
  for ((number = 1; number <= connects; number++)); do
    for name in alice bob; do stop $name; done
    # Without what they remember of each other: every time is a first time.
    rm -f "$lab_dir"/{alice,bob}/peers.json
    node_start 1 alice
    node_start 2 bob
    for name in alice bob; do
      wait_online $name
      wait_until 10 "$name knows its NAT-mapped address" has_candidates $name srflx
    done
    on client1 ping -c1 -W15 "$(status bob .virtual_address)" | sed -n 's/.*time=\([0-9.]*\) ms/\1/p' >>"$lab_dir/connect_ms"
    printf '  connect %d: %s ms\n' "$number" "$(tail -n 1 "$lab_dir/connect_ms")" >&3
  done
  expect "connects that were answered" "$connects" "$(wc -l <"$lab_dir/connect_ms")"
  stop_all
  lab_delete_namespaces
  rm -rf "$lab_dir"/{server,alice,bob}
}

# ---- 2. throughput ------------------------------------------------------------------------------------------

world_cable() {
  add_ns client1 client2
  add_link client1 eth0 client2 eth0
  add_address client1 eth0 198.51.100.1/24
  add_address client2 eth0 198.51.100.2/24
}

# The address server stands in client1's namespace: beside the cable, not on it.
start_causeway() {
  on client1 "$bin/causeway-server" init --dir "$lab_dir/server" --network $network --pool 10.10.0.0/24 \
    --listen 198.51.100.1:443 --public 198.51.100.1:443 --stun-listen 198.51.100.1:3478 >/dev/null
  start server client1 "$bin/causeway-server" run --dir "$lab_dir/server"
  wait_until 10 "the server listens" on client1 sh -c "ss -Hltn 'sport = :443' | grep -q ."
  local name number=0
  for name in causeway1 causeway2; do
    number=$((number + 1))
    node_start $number $name --name $name --join \
      "$(on client1 "$bin/causeway-server" token --dir "$lab_dir/server" --network $network --user $name)"
    wait_online $name
  done
  on client1 ping -c1 -W15 "$(status causeway2 .virtual_address)" >/dev/null
}

# Interface names carry the run id: wireguard-go's control sockets lie in one folder for all namespaces.
start_wireguard() {
  local number other key
  umask 077
  for number in 1 2; do wg genkey >"$lab_dir/wg$number"; done
  for number in 1 2; do
    other=$((3 - number))
    start wireguard$number client$number wireguard-go -f "wg$number-$lab_run"
    wait_until 5 "wireguard-go is up" on client$number wg show "wg$number-$lab_run"
    key=$(wg pubkey <"$lab_dir/wg$other")
    on client$number wg set "wg$number-$lab_run" private-key "$lab_dir/wg$number" listen-port 51820 \
      peer "$key" endpoint 198.51.100.$other:51820 allowed-ips 10.20.0.$other/32
    add_address client$number "wg$number-$lab_run" 10.20.0.$number/24
    on client$number ip link set "wg$number-$lab_run" up
  done
  on client1 ping -c1 -W5 10.20.0.2 >/dev/null
}

# stream NAME TARGET: one iperf3 run; appends "Gbit/s CPU-s/GB" to results/NAME.
stream() {
  local name=$1 target=$2 before after received rate
  start iperf client2 iperf3 -s -1 -B "$target"
  wait_until 5 "iperf3 listens" on client2 sh -c "ss -Hltn 'sport = :5201' | grep -q ."
  before=$(both_cpu "$name")
  on client1 iperf3 -c "$target" -t "$seconds" -J >"$lab_dir/iperf.json"
  after=$(both_cpu "$name")
  wait_until 5 "iperf3 ends" is_stopped iperf
  stop iperf
  received=$(jq .end.sum_received.bytes "$lab_dir/iperf.json")
  rate=$(jq '.end.sum_received.bits_per_second / 1e9' "$lab_dir/iperf.json")
  awk -v rate="$rate" -v cpu="$after" -v was="$before" -v bytes="$received" \
    'BEGIN { printf "%.3f %.3f\n", rate, (cpu - was) / (bytes / 1e9) }' >>"$lab_dir/results/$name"
  printf '  %-10s %s\n' "$name" "$(tail -n 1 "$lab_dir/results/$name")" >&3
}
both_cpu() {
  if [[ $1 == veth ]]; then echo 0; else awk "BEGIN { print $(cpu_seconds "${1}1") + $(cpu_seconds "${1}2") }"; fi
}

measure_streams() {
  local round target
  mkdir "$lab_dir/results"
  world_cable
  ! wants causeway || start_causeway
  ! wants wireguard || start_wireguard
  for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds: Gbit/s, CPU-s/GB" >&3
    ! wants veth || stream veth 198.51.100.2
    ! wants causeway || stream causeway "$(status causeway2 .virtual_address)"
    ! wants wireguard || stream wireguard 10.20.0.2
  done
}

# ---- report -------------------------------------------------------------------------------------------------

column_of() { cut -d' ' -f"$2" "$lab_dir/results/$1"; }
report() {
  local name rate veth='' other='' cpu
  printf '\nMachine: %s, %s CPUs, kernel %s; %s. Causeway %s.\n\n' \
    "$(awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)" "$(nproc)" "$(uname -r)" "$(date -u +%F)" \
    "$(git -C "$lab_root" describe --always --dirty 2>/dev/null || echo 'of no git tree')"
  if [[ -e $lab_dir/connect_ms ]]; then
    printf '| first packet to first reply, two NATs, %s runs | median | worst |\n|---|---|---|\n' "$connects"
    printf '| Causeway | %s ms | %s ms |\n\n' "$(median <"$lab_dir/connect_ms")" "$(largest <"$lab_dir/connect_ms")"
  fi
  if [[ -d $lab_dir/results ]]; then
    [[ ! -e $lab_dir/results/veth ]] || veth=$(column_of veth 1 | median)
    [[ ! -e $lab_dir/results/wireguard ]] || other=$(column_of wireguard 1 | median)
    printf '| TCP, one stream, median of %s × %s s | Gbit/s | of bare veth | of wireguard-go | daemons, CPU-s/GB |\n' "$rounds" "$seconds"
    echo '|---|---|---|---|---|'
    for name in veth causeway wireguard; do
      [[ -e $lab_dir/results/$name ]] || continue
      rate=$(column_of $name 1 | median)
      cpu=$(column_of $name 2 | median)
      printf '| %s | %.2f | %s | %s | %s |\n' $name "$rate" "$(ratio "$rate" "$veth")" "$(ratio "$rate" "$other")" "$cpu"
    done
    echo
  fi
  jq -n --argjson connect "$(numbers "$lab_dir/connect_ms" 1)" \
    --argjson veth "$(pairs veth)" --argjson causeway "$(pairs causeway)" --argjson wireguard "$(pairs wireguard)" \
    '{connect_ms: $connect, tcp_one_stream: {veth: $veth, causeway: $causeway, wireguard_go: $wireguard}}'
}
ratio() { if [[ -n $2 ]]; then awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; else echo -; fi; }
numbers() { if [[ -e $1 ]]; then cut -d' ' -f"$2" "$1" | jq -sc .; else echo '[]'; fi; }
pairs() {
  jq -nc --argjson rate "$(numbers "$lab_dir/results/$1" 1)" --argjson cpu "$(numbers "$lab_dir/results/$1" 2)" \
    '{gbit_per_s: $rate, cpu_s_per_gb: $cpu}'
}

! wants connect || measure_connects
if wants veth || wants causeway || wants wireguard; then measure_streams; fi
report
