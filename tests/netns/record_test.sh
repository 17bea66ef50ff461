#!/bin/bash
# Choices of paths are recorded while a link loses packets, dies and comes back; a replay with the same plugin makes the
# same choices, at either end, and the same bytes each time.
source "$(dirname "$0")/../lab/lab.sh"
source "$lab_source/two_links.sh"
lab_begin ethtool
needs_binaries
[[ -x $bin/link_emulator ]] || die "link_emulator is not built (./run test builds it)"
plugin=$bin/../lib/causeway/plugins/priority-ice.so

# record NAME WORD...: in the background, into $lab_dir/NAME.trace.
record() {
  local name=$1
  shift
  rm -f "$lab_dir/log/record-$name"
  start "record-$name" "$([[ $name == alice ]] && echo client1 || echo client2)" \
    "$bin/causeway" --dir "$lab_dir/$name" plugin record "$@" "$lab_dir/$name.trace"
}
is_recorded() { [[ -s $lab_dir/$1.trace ]]; }
replay() { "$bin/causeway" plugin replay "$lab_dir/$1.trace" --plugin "$plugin" --json; }
# holds REPLAY CONDITION
holds() { jq -e "$2" "$lab_dir/$1" >/dev/null; }
left() { on_one_path && [[ $(link_in_use alice bob) != "$1" ]]; }
back_on() { on_one_path && [[ $(link_in_use alice bob) == "$1" ]]; }

loss_is_seen() { ask alice explain bob --json | jq -e '[.pairs[] | select(.valid) | .loss // 0] | max > 0.1' >/dev/null; }

step "Two nodes, two links"
world_two_links delay-ms 10
two_nodes
link=$(link_in_use alice bob)
ok "on link $link"

step "Both ends record; the link in use loses packets, dies, and comes back"
record alice bob --seconds 600
record bob --all --seconds 600
wait_until 10 "both have begun" is_recorded alice
wait_until 10 "both have begun" is_recorded bob
check "one recording at a time" bash -c "! '$bin/causeway' --dir '$lab_dir/alice' plugin record --all '$lab_dir/other' 2>'$lab_dir/refusal'"
check "which is said" grep -q 'is being recorded at this moment' "$lab_dir/refusal"
start traffic client1 ping -q -i 0.02 -s 1000 "$bob_address"
wire "$link" loss 0.2
wait_until 10 "alice has measured the loss" loss_is_seen
wire "$link" loss 0
wire "$link" cut
wait_until 10 "both ends have left link $link" left "$link"
ok "left it"
wire "$link" heal
wait_until 30 "both ends are back on link $link" back_on "$link"
ok "back on it"
stop traffic

step "A recording ends cleanly, by a signal or by the command"
kill -INT "$(pid_of record-alice)"
wait_until 10 "alice's recording ends" is_stopped record-alice
check "it says so" grep -q 'stopped: ' "$lab_dir/log/record-alice"
ask bob plugin record --stop >/dev/null
wait_until 10 "bob's recording ends" is_stopped record-bob
check "nobody else may read a trace" test "$(stat -c %a "$lab_dir/alice.trace")" == 600
check "an existing file is not overwritten" bash -c "! '$bin/causeway' --dir '$lab_dir/alice' plugin record --all '$lab_dir/alice.trace' 2>'$lab_dir/refusal'"
check "which is said" grep -q 'is there already' "$lab_dir/refusal"

step "Replays make the same choices"
for name in alice bob; do
  replay $name >"$lab_dir/$name.first"
  replay $name >"$lab_dir/$name.second"
  check "$name: the same bytes each time" cmp "$lab_dir/$name.first" "$lab_dir/$name.second"
  jq -r '"  \(.trace.steps) steps, \(.recorded.comparison.compared) choices, \(.recorded.switches) switches, regret \(.plugin.regret)"' \
    "$lab_dir/$name.first" >&3
  check "$name: every choice as recorded" holds "$name.first" '.recorded.comparison | .same and .compared > 20'
  check "$name: the same paths in the same order" holds "$name.first" '[.plugin, .recorded | [.choices[].path]] | .[0] == .[1]'
  check "$name: away and back" holds "$name.first" '.plugin.switches >= 2'
  check "$name: by the build that was recorded" holds "$name.first" '.plugin.layers[0].same_build and .plugin.faults == 0'
done
"$bin/causeway" plugin replay "$lab_dir/alice.trace" --plugin "$plugin" --plot "$lab_dir/alice.svg" >"$lab_dir/alice.text"
check "a person reads the same" grep -q 'all were made again' "$lab_dir/alice.text"
check "a picture" grep -q '^</svg>' "$lab_dir/alice.svg"
[[ -z ${CAUSEWAY_KEEP_TRACES:-} ]] || cp "$lab_dir"/*.trace "$lab_dir"/alice.{svg,text,first} "$CAUSEWAY_KEEP_TRACES"
