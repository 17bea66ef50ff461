#!/bin/bash
# The NAT matrix on the real kernel: every kind of network against every other (tests/lab/households.sh). Each cell has
# an expected pair (matrix/expected.txt) and is measured: the first ping, from the moment that checks begin until its
# answer.
#
#   matrix_test.sh [--third 0|1|2] [--json FILE]
source "$(dirname "$0")/../lab/lab.sh"
source "$lab_source/households.sh"
matrix_folder=$(dirname "$0")/matrix
third='' json_file=''
while (($#)); do
  case $1 in
    --third) third=$2 ;;
    --json) json_file=$2 ;;
    *) die "usage: ${0##*/} [--third 0|1|2] [--json FILE]" ;;
  esac
  shift 2
done
lab_begin turnserver openssl
needs_binaries

turn_port=3478 secret=lab-secret
coturn_start() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=relay.lab \
    -keyout "$lab_dir/turn.key" -out "$lab_dir/turn.pem" 2>/dev/null
  # TLS on port 443: what a network that allows only the web lets through.
  start coturn relay turnserver -n --use-auth-secret --static-auth-secret=$secret --realm=lab --no-cli --no-dtls \
    --listening-ip=$relay_address --relay-ip=$relay_address --listening-port=$turn_port \
    --tls-listening-port=443 --cert="$lab_dir/turn.pem" --pkey="$lab_dir/turn.key" --simple-log \
    --log-file="$lab_dir/log/coturn.log" --pidfile="$lab_dir/coturn.pid" --userdb="$lab_dir/coturn.db"
  wait_until 10 "coturn listens" coturn_listens
}
coturn_listens() {
  on relay ss -Huln "sport = :$turn_port" | grep -q . && on relay ss -Htln "sport = :443" | grep -q .
}

is_chosen() { [[ -z $third ]] || ((($1 + $2) % 3 == third)); }

# node SIDE KIND: its name is also that of its state folder.
node() { echo "$1-${2//_/-}"; }
begin_node() { start "$(node "$1" "$2")" "client$1-$2" "$bin/causewayd" --dir "$lab_dir/$(node "$1" "$2")" --join "$token" --name "$(node "$1" "$2")"; }

# seen NODE PEER: "LOCAL-REMOTE TRANSPORT" of the path in use.
seen() { peer "$1" "$2" '.path | if . then "\(.local_type)-\(.remote_type) \(.transport)" else "none" end'; }

# expected A B: what the table says, as the first one's side sees it: "PAIRS TRANSPORTS".
expected() {
  awk -v a="$1" -v b="$2" '
    $1 == a && $2 == b { print $3, $4; exit }
    $1 == b && $2 == a {
      n = split($3, pairs, "|"); mirrored = ""
      for (i = 1; i <= n; i++) { split(pairs[i], end, "-"); mirrored = mirrored (i > 1 ? "|" : "") end[2] "-" end[1] }
      print mirrored, $5; exit
    }' "$matrix_folder/expected.txt"
}
# is_expected A B: the path that a's node has now.
is_expected() {
  local pairs transports now
  read -r pairs transports <<<"$(expected "$1" "$2")"
  now=$(seen "$(node a "$1")" "$(node b "$2")")
  [[ "|$pairs|" == *"|${now% *}|"* && "|$transports|" == *"|${now#* }|"* ]]
}

step "A world of ${#matrix_kinds[@]} kinds of network, two of each"
world_public
relay_machine
households
coturn_start
server_init --turn "turn:$relay_address:$turn_port?transport=udp" --turn "turn:$relay_address:$turn_port?transport=tcp" \
  --turn "turns:$relay_address:443?transport=tcp" --turn-secret $secret
server_start
token=$(make_token --user matrix --uses 100)
for kind in "${matrix_kinds[@]}"; do
  for side in a b; do begin_node $side "$kind"; done
done
for kind in "${matrix_kinds[@]}"; do
  for side in a b; do
    wait_online "$(node $side "$kind")" 30
    wait_until 30 "$(node $side "$kind") has a relayed candidate" has_candidates "$(node $side "$kind")" relay
  done
done
ok "$((2 * ${#matrix_kinds[@]})) nodes are online, each with a relay"

step "Every cell: the first packet, and the path it settles on"
failures=0 rows=()
cell() {
  local a=$1 b=$2 output ms first settled good=true
  output=$(on "clienta-$a" ping -n -c1 -W20 "${address[$b]}") || true
  ms=$(sed -n 's/.*time=\([0-9.]*\) ms.*/\1/p' <<<"$output")
  first=$(seen "$(node a "$a")" "$(node b "$b")")
  if [[ -z $ms ]]; then
    fail "$a to $b: no answer within 20 s"
    good=false ms=null
  elif ! poll 15 is_expected "$a" "$b"; then
    fail "$a to $b: $(seen "$(node a "$a")" "$(node b "$b")"), expected $(expected "$a" "$b")"
    good=false
  fi
  settled=$(seen "$(node a "$a")" "$(node b "$b")")
  rows+=("$(jq -nc --arg a "$a" --arg b "$b" --argjson ms "$ms" --arg first "$first" --arg settled "$settled" \
    --arg expected "$(expected "$a" "$b")" --argjson ok $good \
    '{a: $a, b: $b, first_packet_ms: $ms, first: $first, settled: $settled, expected: $expected, ok: $ok}')")
  [[ $good == true ]] || failures=$((failures + 1))
}
declare -A address
for kind in "${matrix_kinds[@]}"; do address[$kind]=$(status "$(node b "$kind")" .virtual_address); done
for ((row = 0; row < ${#matrix_kinds[@]}; row++)); do
  for ((column = 0; column < ${#matrix_kinds[@]}; column++)); do
    ! is_chosen $row $column || cell "${matrix_kinds[row]}" "${matrix_kinds[column]}"
  done
done
cells=${#rows[@]}
[[ -z $json_file ]] || printf '%s\n' "${rows[@]}" | jq -s . >"$json_file"

printf '%s\n' "${rows[@]}" | jq -rs '
  def cell: "\(.settled | split(" ") | .[0]) \(.settled | split(" ") | .[1] // "") \(if .first_packet_ms then (.first_packet_ms | round | tostring) + " ms" else "never" end)\(if .ok then "" else " (!)" end)";
  (.[] | [.a, .b, cell]) | @tsv' | column -t -s $'\t' | indent >&3
printf '%s\n' "${rows[@]}" | jq -rs '
  def figures: sort | "median \(.[length / 2 | floor] | round) ms, worst \(max | round) ms, of \(length)";
  [.[] | select(.first_packet_ms)] | group_by(.settled | test("relay")) | .[]
  | "first packet \(if .[0].settled | test("relay") then "by a relay" else "direct" end): \(map(.first_packet_ms) | figures)"' | indent >&3
((failures == 0)) || { fail "$failures of $cells cells are not as expected"; exit 1; }
ok "all $cells cells are as expected"
