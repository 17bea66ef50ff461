# shellcheck shell=bash disable=SC2154
# First packet to first reply between two peers that have not met, each behind a NAT of its own (the world of
# tests/lab/lab.sh). Causeway only: the rivals have no way through two NATs without a configured public end.
# Sourced by bench.sh.

measure_contacts() {
  local name
  world_two_homes
  server_init
  server_start
  node_join 1 alice
  wait_online alice
  node_join 2 bob
  wait_online bob
  for ((round = 1; round <= contacts; round++)); do
    for name in alice bob; do stop $name; done
    # Without what they remember of each other: every time is a first time.
    rm -f "$lab_dir"/{alice,bob}/peers.json
    node_start 1 alice
    node_start 2 bob
    for name in alice bob; do
      wait_online $name
      wait_until 10 "$name knows its NAT-mapped address" has_candidates $name srflx
    done
    record first_contact_ms \
      "$(on client1 ping -c1 -W15 "$(status bob .virtual_address)" | sed -n 's/.*time=\([0-9.]*\) ms/\1/p')"
  done
}
