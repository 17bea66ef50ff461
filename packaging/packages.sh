# The Debian packages that each command of ./run needs; sourced, not run.
# shellcheck disable=SC2034
packages_build=(
  g++ cmake ninja-build ccache pkg-config
  libboost1.81-dev nlohmann-json3-dev libspdlog-dev libfmt-dev libcli11-dev
  libssl-dev libsodium-dev libsqlite3-dev libnice-dev
  libnl-3-dev libnl-route-3-dev libcap-ng-dev
)
# Only this architecture has it; elsewhere OpenSSL seals.
if [[ $(dpkg --print-architecture 2>/dev/null) == amd64 ]]; then packages_build+=(libipsec-mb-dev); fi
packages_test=(
  libgtest-dev libgmock-dev openssl clang-format
  libglib2.0-dev coturn minisign wireguard-go wireguard-tools clang-16
)
packages_lab=(
  iproute2 nftables iputils-ping procps util-linux
  nginx-light curl openssh-server openssh-client iperf3
  python3 jq socat tcpdump
)
# net-tools: n2n calls ifconfig.
packages_bench=(
  libbenchmark-dev ethtool linux-perf
  wireguard-go wireguard-tools nebula tinc n2n net-tools openvpn openssl fastd
)
packages_clang=(
  clang-16 clang-tidy libclang-rt-16-dev
)
