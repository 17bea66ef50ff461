# shellcheck shell=bash disable=SC2154
# One function per figure; each measures the system whose turn it is and calls record NAME VALUE. Sourced by bench.sh.
# Traffic goes from client1 to client2's virtual address ($address); "back" is the other way (iperf3 -R).

# iperf OPTION...: one run; prints "received bytes" and "bits per second" as the receiver saw them.
iperf() {
  iperf_server
  on client1 timeout $((seconds + 15)) iperf3 -c "$address" -J --connect-timeout 5000 "$@" >"$lab_dir/iperf.json" ||
    { fail "iperf3: $(jq -r '.error // "no result"' "$lab_dir/iperf.json" || echo "no end")"; return 1; }
  wait_until 5 "iperf3 ends" is_stopped iperf_server
  jq -r '.end.sum_received | "\(.bytes) \(.bits_per_second)"' "$lab_dir/iperf.json"
}
iperf_server() {
  stop iperf_server
  start iperf_server client2 iperf3 -s -1 -B "$address"
  wait_until 5 "iperf3 listens" listens client2 5201
}
gigabits() { awk -v rate="$1" 'BEGIN { printf "%.4f\n", rate / 1e9 }'; }

figure_tcp1() {
  local before=0 bytes rate total
  before=$(daemons_cpu)
  read -r bytes rate < <(iperf -t "$seconds")
  record tcp1_out "$(gigabits "$rate")"
  total=$bytes
  read -r bytes rate < <(iperf -t "$seconds" -R)
  record tcp1_back "$(gigabits "$rate")"
  ((${#daemons[@]} == 0)) ||
    record cpu_s_per_gb "$(awk -v cpu="$(daemons_cpu)" -v was="$before" -v bytes=$((total + bytes)) \
      'BEGIN { printf "%.3f\n", (cpu - was) / (bytes / 1e9) }')"
}

figure_tcp4() { tcp_streams 4; }
figure_tcp16() { tcp_streams 16; }
tcp_streams() {
  local bytes rate
  read -r bytes rate < <(iperf -t "$seconds" -P "$1")
  record "tcp$1_out" "$(gigabits "$rate")"
  read -r bytes rate < <(iperf -t "$seconds" -P "$1" -R)
  record "tcp$1_back" "$(gigabits "$rate")"
}

figure_udp64() { udp_overload 64; }
figure_udp512() { udp_overload 512; }
figure_udp1400() { udp_overload 1400; }
# Thousands of datagrams per second, for one second: offered by a program that does nothing else, received by another.
udp_overload() {
  local sent received
  start udp_receiver client2 "$bin/udp_blast" receive 5300
  wait_until 5 "udp_blast listens" listens_udp client2 5300
  on client1 timeout $((seconds + 15)) "$bin/udp_blast" send "$address" 5300 "$1" 1 >"$lab_dir/udp.json"
  stop udp_receiver
  read -r sent received < <(jq -r '"\(.sent / .sent_seconds / 1e3) \(.received / .received_seconds / 1e3)"' "$lab_dir/udp.json")
  record "udp$1_offered" "$sent"
  record "udp$1_received" "$received"
}

figure_ping() {
  on client1 timeout $((seconds + 15)) ping -n -i 0.002 -c 500 "$address" >"$lab_dir/ping.out" || true
  record_times ping_idle 0
}
# The first half second does not count: the stream has to fill its window.
figure_loaded() {
  iperf_server
  start iperf_load client1 iperf3 -c "$address" -t $((seconds + 2))
  wait_until 5 "the stream runs" stream_runs
  on client1 timeout $((seconds + 15)) ping -n -i 0.005 -c $((100 + 200 * seconds)) "$address" >"$lab_dir/ping.out" || true
  stop iperf_load
  stop iperf_server
  record_times ping_loaded 100
}
stream_runs() { (($(on client1 ss -Htn 'dport = :5201' | wc -l) >= 2)); }

# record_times NAME FROM: p50, p99 and the share of lost ones, of the pings with a number above FROM.
record_times() {
  local p50 p99 lost
  read -r p50 p99 lost < <("$python" - "$lab_dir/ping.out" "$2" <<'END'
import re, sys
text, skip = open(sys.argv[1]).read(), int(sys.argv[2])
sent = int(re.search(r"(\d+) packets transmitted", text)[1]) - skip
times = sorted(float(time) for number, time in re.findall(r"icmp_seq=(\d+) .*time=([\d.]+) ms", text) if int(number) > skip)
if not times:
    sys.exit("no ping was answered")
at = lambda share: times[min(len(times) - 1, int(len(times) * share))]
print(at(0.50), at(0.99), round(max(0, 1 - len(times) / sent), 4))
END
  )
  [[ -n $lost ]] || { fail "no ping was answered"; return 1; }
  record "$1_p50" "$p50"
  record "$1_p99" "$p99"
  record "$1_lost" "$lost"
}

# Every frame is cut before the cable here, so that each is counted with its own headers. A slow system gets another
# try at a lower rate: a segment that is sent again would count twice.
figure_wire() {
  local rate retransmits ratio
  cable_offloads off
  for rate in 100 40 15; do
    paced_transfer $((rate * 100000)) $((rate * 1000000))
    if ((retransmits == 0)); then break; fi
  done
  cable_offloads on
  ((retransmits == 0)) || { fail "$retransmits segments were sent again at $rate Mbit/s"; return 1; }
  record wire_ratio "$ratio"
}
# paced_transfer BYTES BITS_PER_SECOND: sets ratio and retransmits.
paced_transfer() {
  local before
  start receiver client2 "$python" "$bench_source/paced_transfer.py" receive 5400
  wait_until 5 "the receiver listens" listens client2 5400
  before=$(link_bytes client1 eth0 tx)
  retransmits=$(on client1 timeout 20 "$python" "$bench_source/paced_transfer.py" send "$address" 5400 "$1" "$2")
  ratio=$(awk -v sent=$(($(link_bytes client1 eth0 tx) - before)) -v bytes="$1" 'BEGIN { printf "%.4f\n", sent / bytes }')
  stop receiver
}

figure_plain() {
  local bytes rate
  cable_offloads off
  read -r bytes rate < <(iperf -t "$seconds")
  cable_offloads on
  record plain_tcp1_out "$(gigabits "$rate")"
}
