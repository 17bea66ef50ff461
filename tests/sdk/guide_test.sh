#!/bin/bash
# docs/sdk-guide.md, done as it says: its shell blocks run in an empty folder with the installed packages alone, by g++
# and by clang, and the plugin is swapped into a daemon under traffic, in namespaces of its own.
#   guide_test.sh BUILD
build=$(realpath "$1")
source "$(dirname "$0")/../lab/lab.sh"
lab_begin cmake g++ clang++-16

step "Installed packages: the SDK alone, and everything"
cmake --install "$build" --component sdk --prefix "$lab_dir/sdk" >"$lab_dir/log/install-sdk"
cmake --install "$build" --prefix "$lab_dir/all" >"$lab_dir/log/install-all"
bin=$lab_dir/programs
mkdir "$bin"
ln -s "$lab_dir"/all/*bin/causeway* "$bin"
needs_binaries
check "no daemon in the SDK" test ! -e "$lab_dir/sdk/sbin/causewayd"
[[ $(ls "$lab_dir/sdk/bin") == causeway ]] || die "the SDK holds other programs than causeway: $(ls "$lab_dir/sdk/bin")"

step "The shell blocks of the guide"
awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$lab_root/docs/sdk-guide.md" >"$lab_dir/guide.sh"
blocks=$(grep -c '^```sh$' "$lab_root/docs/sdk-guide.md")
check "there are seven of them ($blocks)" test "$blocks" == 7

step "Two nodes under traffic"
world_one_lan
printf '{ "plugins": { "directory": "%s" } }\n' "$(dirname "$(find "$lab_dir/all" -name priority-ice.so)")" >"$lab_dir/config.json"
server_init
server_start
node_join 1 alice --config "$lab_dir/config.json"
wait_online alice
node_join 2 bob --config "$lab_dir/config.json"
wait_online bob
bob=$(status bob .virtual_address)
on client1 ping -c1 -W5 "$bob" >/dev/null
wait_until 5 "they are connected" peer_is alice bob connected
start ping client1 ping -i 0.01 -q "$bob"

row_of() { jq -r --arg name "$1" '.[] | select(.name == $name) | "\(.state) \(.version) \(.generation)"'; }
# What the guide asks for by `plugins`, in JSON beside it.
cat >"$lab_dir/programs/causeway-guide" <<'END'
#!/bin/bash
"$SDK_TOOL" "$@" || exit
if [[ ${!#} == plugins ]]; then "$SDK_TOOL" "$@" --json | jq -c . >>"$GUIDE_ROWS"; fi
END
chmod +x "$lab_dir/programs/causeway-guide"

generation=0
for compiler in "gcc g++" "clang-16 clang++-16"; do
  read -r c cxx <<<"$compiler"
  step "An hour with $cxx"
  work=$lab_dir/hour-$cxx rows=$lab_dir/rows-$cxx
  mkdir -p "$work" "$lab_dir/path-$cxx"
  ln -s "$lab_dir/programs/causeway-guide" "$lab_dir/path-$cxx/causeway"
  began=$SECONDS
  # The guide puts the SDK's own folder in front of PATH; its tool is reached through ours all the same.
  sed "s|^export PATH=.*|export PATH=\"$lab_dir/path-$cxx:\$sdk/bin:\$PATH\"|" "$lab_dir/guide.sh" >"$work.sh"
  (cd "$work" && env -i PATH=/usr/bin:/bin HOME="$work" TMPDIR="$lab_dir" CC="$c" CXX="$cxx" CMAKE_BUILD_PARALLEL_LEVEL=2 \
    SDK_TOOL="$lab_dir/sdk/bin/causeway" GUIDE_ROWS="$rows" CAUSEWAY_SDK="$lab_dir/sdk" CAUSEWAY_DIR="$lab_dir/alice" \
    bash -eu -o pipefail "$work.sh") >"$lab_dir/log/guide-$cxx" 2>&1 || { tail -40 "$lab_dir/log/guide-$cxx"; die "the guide failed with $cxx"; }
  expect "before" "" "$(sed -n 1p "$rows" | row_of steady-path)"
  expect "loaded and used" "active 0.2.0 $((++generation))" "$(sed -n 2p "$rows" | row_of steady-path)"
  expect "reloaded" "active 0.3.0 $((++generation))" "$(sed -n 3p "$rows" | row_of steady-path)"
  expect "gone again" "" "$(sed -n 4p "$rows" | row_of steady-path)"
  expect "back in use" "active" "$(sed -n 4p "$rows" | row_of priority-ice | cut -d' ' -f1)"
  expect "built by" "$cxx" "$(grep -o "CMAKE_CXX_COMPILER:[A-Z]*=.*" "$work/steady-path/build/CMakeCache.txt" | sed 's|.*/||')"
  ok "$((SECONDS - began)) s"
done

step "Traffic has not noticed"
kill -INT "$(pid_of ping)"
wait_until 5 "ping ends" is_stopped ping
tail -3 "$lab_dir/log/ping" | indent >&3
check "pings went on all the while" grep -qE '^[0-9]{3,} packets transmitted' "$lab_dir/log/ping"
check "each was answered" grep -qE ' 0% packet loss' "$lab_dir/log/ping"
