#!/bin/bash
# How long does a TCP stream stand still when the link it uses is cut without a word? Two machines, two links of 50
# Mbit/s and 20 ms; Causeway and, side by side, Debian's nebula. The receiver writes down when bytes come (gaps of 50
# ms and more).
#
#   bench/failover.sh [--cuts N] [--systems "causeway nebula"] [--out FILE]
source "$(dirname "$0")/../tests/lab/lab.sh"
source "$lab_source/two_links.sh"

cuts=20 systems="causeway nebula" out=
while (($#)); do
  case $1 in
    --cuts) cuts=$2 ;;
    --systems) systems=$2 ;;
    --out) out=$2 ;;
    *) die "usage: failover.sh [--cuts N] [--systems \"causeway nebula\"] [--out FILE]" ;;
  esac
  shift 2
done
lab_begin ethtool
needs_binaries
[[ -x $bin/link_emulator ]] || die "link_emulator is not built"
port=7300
most_seconds=60 # a system that has not come back by then is put down as such

# ---- the systems: begin, end, address of client2, link in use (0 or 1), ready for the next cut ---------------

causeway_begin() { two_nodes; far_address=$bob_address; }
causeway_end() { stop alice; stop bob; stop server; }
causeway_link() { link_in_use alice bob; }
causeway_ready() { on_one_path && both_are_warm; }

nebula_begin() {
  local number
  command -v nebula >/dev/null || die "nebula is not installed"
  mkdir -p "$lab_dir/nebula"
  cd "$lab_dir/nebula"
  nebula-cert ca -name bench -out-crt ca.crt -out-key ca.key
  for number in 1 2; do
    nebula-cert sign -ca-crt ca.crt -ca-key ca.key -name node$number -ip 10.20.0.$number/24 \
      -out-crt $number.crt -out-key $number.key
    # As bench/systems/nebula.sh; both addresses of the other end are known, the management network is not offered.
    cat >$number.yml <<END
pki: { ca: $PWD/ca.crt, cert: $PWD/$number.crt, key: $PWD/$number.key }
static_host_map: { "10.20.0.$((3 - number))": ["192.0.2.$((3 - number)):4242", "198.51.100.$((3 - number)):4242"] }
lighthouse: { am_lighthouse: $( ((number == 1)) && echo true || echo false), local_allow_list: { interfaces: { mgmt: false } } $( ((number == 2)) && echo ', hosts: ["10.20.0.1"]') }
listen: { host: 0.0.0.0, port: 4242, batch: 64, read_buffer: 10485760, write_buffer: 10485760 }
punchy: { punch: true, respond: true }
cipher: aes
tun: { dev: nebula, tx_queue: 500, mtu: 1300 }
firewall:
  outbound: [{ port: any, proto: any, host: any }]
  inbound: [{ port: any, proto: any, host: any }]
END
    start "nebula$number" "client$number" nebula -config $PWD/$number.yml
  done
  cd /
  far_address=10.20.0.2
  wait_until 20 "nebula's tunnel is up" on client1 ping -c1 -W1 $far_address
}
nebula_end() { stop nebula1; stop nebula2; }
link_packets() { on client1 cat "/sys/class/net/eth$1/statistics/tx_packets"; }
# Where the stream goes: the NIC that sends more.
nebula_link() {
  local first second
  first=$(link_packets 0) second=$(link_packets 1)
  sleep 0.3
  (($(link_packets 0) - first > $(link_packets 1) - second)) && echo 0 || echo 1
}
nebula_ready() { true; }

# ---- one cut -------------------------------------------------------------------------------------------------

received() { on client2 cat "/sys/class/net/$1/statistics/rx_bytes"; }
flows() {
  local before
  before=$(received "$2")
  sleep 0.1
  (($(received "$2") > before + 20000))
}
longest_gap() {
  awk -v since="$1" -v now="${EPOCHREALTIME/./}" '
    $1 == "gap" && $2 + $3 > since && $3 > most { most = $3 } END { printf "%d\n", most / 1000 }' "$lab_dir/log/receiver"
}

measure() {
  local system=$1 nic=$2 cut link begun
  rm -f "$lab_dir/log/receiver" "$lab_dir/log/sender"
  start receiver client2 "$python" "$lab_source/arrivals.py" receive "$far_address" $port
  wait_until 5 "the receiver listens" grep -qs ready "$lab_dir/log/receiver"
  start sender client1 "$python" "$lab_source/arrivals.py" send "$far_address" $port 3600
  for ((cut = 1; cut <= cuts; cut++)); do
    wait_until 60 "data flows" flows - "$nic"
    wait_until 60 "both links can be used" "${system}_ready"
    sleep "$((RANDOM % 2 + 1)).$((RANDOM % 10))"
    link=$("${system}_link")
    begun=$((${EPOCHREALTIME/./} - 20000))
    wire "$link" cut
    sleep 0.6
    if poll $most_seconds flows - "$nic"; then
      sleep 0.3
      longest_gap "$begun" >>"$lab_dir/gaps.$system"
    else
      echo $((most_seconds * 1000)) >>"$lab_dir/gaps.$system"
    fi
    wire "$link" heal
    printf '  %s, cut %d of link %s: %s ms\n' "$system" "$cut" "$link" "$(tail -n1 "$lab_dir/gaps.$system")" >&3
  done
  stop sender
  stop receiver
}

summary() {
  sort -n "$lab_dir/gaps.$1" | awk -v name="$1" '
    { v[NR] = $1 } END { printf "| %s | %d | %d | %d | %d | %d |\n", name, NR, v[1], v[int((NR + 1) / 2)], v[int(NR * 0.9 + 0.5)], v[NR] }'
}

world_two_links delay-ms 10 rate-mbit 50
for system in $systems; do
  step "$system"
  "${system}_begin"
  measure "$system" "$([[ $system == causeway ]] && echo cw0 || echo nebula)"
  "${system}_end"
done
{
  echo "| gap of the stream, ms | cuts | least | median | 90 % | most |"
  echo "|---|---|---|---|---|---|"
  for system in $systems; do summary "$system"; done
} | tee ${out:+"$out"} >&3
