#!/bin/bash
# A small Internet in network namespaces; sourced by the lab tests, the demo and the bench.
#
#   client1 eth0 ---- lan nat1 wan ----+
#   192.168.0.100   .1        198.51.100.1
#                                      |
#                                  internet ---- eth0 server   192.0.2.10 and 192.0.2.11
#                                      |                       (address server, two STUN addresses)
#   client2 eth0 ---- lan nat2 wan ----+
#   172.16.13.11  172.16.0.1   203.0.113.1
#
# Every name on the machine carries a random run id (cw-RUN-client1), so that labs never meet each other or
# anything else. Every process is started by start(), remembered by pid, and stopped by that pid.
# Nothing sleeps for luck: wait_until polls a condition and says what it waited for.

set -eEu -o pipefail
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"

lab_source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab_root=$(cd "$lab_source/../.." && pwd)
bin=${CAUSEWAY_BIN:-$lab_root/build/release/bin}
python=/usr/bin/python3
[[ -x $python ]] || python=python3

source "$lab_source/print.sh"
source "$lab_source/nat.sh"
source "$lab_source/worlds.sh"
source "$lab_source/causeway.sh"

# ---- begin and end ------------------------------------------------------------------------------------------

# lab_begin TOOL...: checks what the lab needs, makes the temporary folder, arms the clean-up.
lab_begin() {
  local tool
  [[ $(id -u) == 0 ]] || die "the network lab needs root (namespaces, TUN devices); try: sudo $0"
  [[ -c /dev/net/tun ]] || die "/dev/net/tun is missing: modprobe tun, or mknod /dev/net/tun c 10 200"
  for tool in ip nft jq ping "$python" "$@"; do
    command -v "$tool" >/dev/null || die "$tool is not installed (packaging/packages.sh lists what the lab needs)"
  done
  lab_run=$(od -An -N3 -tx1 /dev/urandom | tr -d ' ')
  lab_dir=$(mktemp -d "${TMPDIR:-/tmp}/cw-$lab_run-XXXX")
  chmod 755 "$lab_dir"
  mkdir "$lab_dir/pids" "$lab_dir/log"
  lab_keep=
  trap lab_end EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'report_error "$BASH_COMMAND"' ERR
  ip netns add "$(ns_name probe)" 2>"$lab_dir/log/netns" ||
    die "network namespaces are not available here: $(cat "$lab_dir/log/netns")"
  ip netns del "$(ns_name probe)"
}

# Runs on every way out; keeps the exit code. Anything still alive in a namespace of ours is a leak and is named.
lab_end() {
  local code=$? leaked
  trap - EXIT INT TERM ERR
  set +e
  if [[ -n $lab_keep && $code == 0 ]]; then
    exit 0
  fi
  ((code == 0 || code == 130 || code == 143)) || show_logs
  stop_all
  leaked=$(lab_pids)
  if [[ -n $leaked ]]; then
    printf 'left running in the lab: %s\n' "$(tr '\n' ' ' <<<"$leaked")" >&2
    ps -o pid=,args= -p "$(paste -sd, <<<"$leaked")" >&2
    # shellcheck disable=SC2086
    kill -KILL $leaked 2>/dev/null
    ((code == 0)) && code=1
  fi
  lab_delete_namespaces
  [[ ! -e $lab_dir/made_run_sshd ]] || rmdir /run/sshd
  rm -rf "$lab_dir"
  exit "$code"
}

lab_pids() {
  local name
  for name in $(lab_namespaces); do ip netns pids "$name"; done
}

lab_namespaces() { ip netns list | awk -v prefix="cw-$lab_run-" 'index($1, prefix) == 1 { print $1 }'; }

lab_delete_namespaces() {
  local name
  for name in $(lab_namespaces); do ip netns del "$name"; done
  rm -rf "/etc/netns/cw-$lab_run-"*
  rmdir --ignore-fail-on-non-empty /etc/netns 2>/dev/null || true
}

# lab_teardown RUN: what `--keep` left behind, from another shell.
lab_teardown() {
  local name pids
  lab_run=$1
  [[ $lab_run =~ ^[0-9a-f]{6}$ ]] || die "'$lab_run' is not a run id (six hexadecimal digits)"
  [[ -n $(lab_namespaces) ]] || die "no lab '$lab_run' is up"
  pids=$(lab_pids)
  # shellcheck disable=SC2086
  [[ -z $pids ]] || kill $pids
  wait_until 10 "processes of lab $lab_run end" lab_is_empty
  lab_delete_namespaces
  rm -rf "${TMPDIR:-/tmp}/cw-$lab_run-"????
}
lab_is_empty() { [[ -z $(lab_pids) ]]; }

# ---- namespaces and links -----------------------------------------------------------------------------------

ns_name() { echo "cw-$lab_run-$1"; }

# on NS CMD...: runs quietly; n NS CMD...: shows the command first.
on() { local ns=$1; shift; ip netns exec "cw-$lab_run-$ns" "$@"; }
n() { local ns=$1; shift; show_command "$ns" "$@"; on "$ns" "$@"; }
n1() { n client1 "$@"; }
n2() { n client2 "$@"; }
server() { n server "$@"; }

# add_ns NS...: loopback up, no IPv6 of its own accord (enable_ipv6 turns it on where a test wants it).
add_ns() {
  local ns
  for ns in "$@"; do
    # A hosts file of its own: `ip netns exec` mounts it over /etc/hosts, where daemons keep the names of peers.
    mkdir -p "/etc/netns/cw-$lab_run-$ns"
    cp /etc/hosts "/etc/netns/cw-$lab_run-$ns/hosts"
    ip netns add "cw-$lab_run-$ns"
    # No duplicate address detection either: addresses are usable as soon as they are set.
    on "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 \
      net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.dad_transmits=0
    on "$ns" ip link set lo up
  done
}

# add_link NS1 NIC1 NS2 NIC2: a cable.
add_link() {
  ip link add "$2" netns "cw-$lab_run-$1" type veth peer name "$4" netns "cw-$lab_run-$3"
  on "$1" ip link set "$2" up
  on "$3" ip link set "$4" up
}

# add_address NS NIC ADDRESS/LENGTH [GATEWAY]
add_address() {
  if [[ $3 == *:* ]]; then on "$1" ip addr add "$3" dev "$2" nodad; else on "$1" ip addr add "$3" dev "$2"; fi
  [[ -z ${4:-} ]] || on "$1" ip route add default via "$4"
}

forwarding() { on "$1" sysctl -qw net.ipv4.ip_forward=1; }
enable_ipv6() { on "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0; }

# link_bytes NS NIC rx|tx: bytes of Ethernet frames so far.
link_bytes() { on "$1" ip -s -j link show dev "$2" | jq ".[0].stats64.$3.bytes"; }

# ---- processes ----------------------------------------------------------------------------------------------

# start NAME NS CMD...: in the background, output to log/NAME.
start() {
  local name=$1 ns=$2 pid
  shift 2
  ! is_running "$name" || die "$name is running already"
  # A session of its own: the terminal's Ctrl-C and hang-up are for the lab, which then stops it in order.
  setsid ip netns exec "cw-$lab_run-$ns" "$@" >>"$lab_dir/log/$name" 2>&1 </dev/null 3>&- &
  pid=$!
  disown "$pid"
  echo "$pid $(start_time "$pid")" >"$lab_dir/pids/$name"
}

pid_of() { cut -d' ' -f1 "$lab_dir/pids/$1"; }

# A process is (pid, start time): a number that was given to somebody else meanwhile is not ours.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

is_running() {
  local pid time
  [[ -e $lab_dir/pids/$1 ]] || return 1
  read -r pid time <"$lab_dir/pids/$1" || true
  [[ -n $time && $(start_time "$pid") == "$time" ]] || return 1
  # Of a killed process the first thread may be a zombie while another still closes its files, the lock of its folder
  # among them.
  [[ $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f1) != Z || -n $(ls "/proc/$pid/task" 2>/dev/null | sed 1d) ]]
}
is_stopped() { ! is_running "$1"; }

# stop NAME [SIGNAL]: and waits until it is gone; a process that ignores SIGTERM for 10 s is an error.
stop() {
  local name=$1
  if is_running "$name"; then
    kill "-${2:-TERM}" "$(pid_of "$name")" 2>/dev/null || true
    wait_until 10 "$name stops" is_stopped "$name"
  fi
  rm -f "$lab_dir/pids/$name"
}

stop_all() {
  local file name
  for file in "$lab_dir"/pids/*; do
    [[ -e $file ]] || continue
    is_running "${file##*/}" && kill -TERM "$(pid_of "${file##*/}")" 2>/dev/null
  done
  for file in "$lab_dir"/pids/*; do
    [[ -e $file ]] || continue
    name=${file##*/}
    if ! poll 10 is_stopped "$name"; then
      printf '%s did not stop within 10 s of SIGTERM: killed\n' "$name" >&2
      kill -KILL "$(pid_of "$name")" 2>/dev/null
    fi
    rm -f "$file"
  done
}

# run_rows FUNCTION...: each is a case with namespaces and files of its own; then the summary. A function that makes the
# world for them all, $row_world, calls "$row_function".
run_rows() {
  for row_function in "$@"; do
    run_case "${row_world:-$row_function}" "${row_function//_/ }"
    lab_delete_namespaces
    find "$lab_dir" -mindepth 1 -maxdepth 1 ! -name pids ! -name log -exec rm -rf {} +
  done
  end_cases
}

# cpu_seconds NAME: user and system time of a process so far.
cpu_seconds() {
  sed 's/.*) //' "/proc/$(pid_of "$1")/stat" |
    awk -v hz="$(getconf CLK_TCK)" '{ printf "%.2f\n", ($12 + $13) / hz }'
}

# ---- waiting ------------------------------------------------------------------------------------------------

lab_poll_interval=0.05

# poll SECONDS CMD...: true as soon as CMD is, asked every 50 ms unless the lab wants it finer.
poll() {
  local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))
  shift
  until "$@" >/dev/null 2>&1; do
    ((${EPOCHREALTIME/./} < deadline)) || return 1
    sleep $lab_poll_interval
  done
}

# wait_until SECONDS WHAT CMD...: the same, and a failure that says what did not happen.
wait_until() {
  local seconds=$1 what=$2
  shift 2
  poll "$seconds" "$@" || { fail "waited $seconds s in vain until $what"; return 1; }
}
