// candidates-file: port forwardings that an administrator has set up by hand, from a file that is read again
// every 30 seconds. A line each: the NIC behind which the router is, and the address outside.
//   eth0 203.0.113.7:51820
// The file is named by the environment variable CAUSEWAY_FORWARDINGS, else /etc/causeway/forwardings.
#include <causeway/cpp/plugin.hpp>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace causeway_sdk;

constexpr std::uint32_t kTimer = 0;
constexpr std::int64_t kPeriod = 30'000'000'000;
constexpr std::size_t kMostForwardings = 32;

struct Forwarding {
  std::string interface_name;
  cw_address address;
};

struct Less {
  bool operator()(const cw_address& a, const cw_address& b) const {
    const int octets = std::memcmp(a.octets, b.octets, sizeof a.octets);
    return octets != 0 ? octets < 0 : a.port < b.port;
  }
};

bool parse(const char* line, Forwarding& out) {
  char name[16] = {};
  unsigned a = 0, b = 0, c = 0, d = 0, port = 0;
  if (std::sscanf(line, "%15s %3u.%3u.%3u.%3u:%5u", name, &a, &b, &c, &d, &port) != 6) return false;
  if (a > 255 || b > 255 || c > 255 || d > 255 || port == 0 || port > 65535) return false;
  out.interface_name = name;
  out.address = cw_address{};
  out.address.family = 4;
  out.address.port = static_cast<std::uint16_t>(port);
  const unsigned octets[] = {a, b, c, d};
  for (int i = 0; i < 4; ++i)
    out.address.octets[i] = static_cast<std::uint8_t>(octets[i]);
  return true;
}

/// No such file: no forwardings. Lines that make no sense are left out, and told once by the caller.
std::vector<Forwarding> read_file(bool& has_bad_lines) {
  std::vector<Forwarding> all;
  const char* const named = std::getenv("CAUSEWAY_FORWARDINGS");
  std::FILE* const file = std::fopen(named != nullptr ? named : "/etc/causeway/forwardings", "re");
  if (file == nullptr) return all;
  char line[256];
  while (all.size() < kMostForwardings && std::fgets(line, sizeof line, file) != nullptr) {
    Forwarding forwarding;
    if (line[0] == '#' || line[0] == '\n') continue;
    if (parse(line, forwarding)) {
      all.push_back(forwarding);
    } else {
      has_bad_lines = true;
    }
  }
  std::fclose(file);
  return all;
}

class CandidatesFile final : public CandidateSourcePlugin {
 public:
  using CandidateSourcePlugin::CandidateSourcePlugin;

  cw_status configure(std::string_view) override { return CW_OK; }

  cw_status set_bases(Items<cw_base_view> bases) override {
    bases_.clear();
    for (std::uint32_t i = 0; i < bases.size(); ++i) {
      const cw_base_view base = bases.get(i);
      if (base.address.family == 4) bases_[base.id] = std::string(view(base.interface_name));
    }
    // The host has forgotten what was found of bases that are gone.
    for (auto at = told_.begin(); at != told_.end();)
      at = bases_.count(at->first) == 0 ? told_.erase(at) : std::next(at);
    return look();
  }
  cw_status on_datagram(std::uint32_t, const cw_address&, const std::uint8_t*, std::size_t) override {
    return CW_OK;  // nothing is ever sent
  }
  cw_status on_timer(std::uint32_t) override { return look(); }

 private:
  using Told = std::map<std::uint32_t, std::map<cw_address, bool, Less>>;

  /// Tells what is new in the file, and takes back what is no more.
  cw_status look() {
    bool has_bad_lines = false;
    Told present;
    for (const Forwarding& forwarding : read_file(has_bad_lines)) {
      for (const auto& base : bases_) {
        if (base.second == forwarding.interface_name) present[base.first][forwarding.address] = true;
      }
    }
    if (has_bad_lines && !has_complained_) host().log(CW_LOG_WARNING, "some lines are not NIC IP:PORT");
    has_complained_ = has_bad_lines;
    for (const auto& base : told_) {
      for (const auto& address : base.second) {
        if (present[base.first].count(address.first) == 0) host().lost(base.first, address.first);
      }
    }
    for (const auto& base : present) {
      for (const auto& address : base.second)
        host().found(base.first, CW_CANDIDATE_SERVER_REFLEXIVE, address.first);
    }
    told_ = std::move(present);
    host().done();
    return host().set_timer(kTimer, host().now().steady_ns + kPeriod);
  }

  std::map<std::uint32_t, std::string> bases_;  // NIC by base
  Told told_;
  bool has_complained_ = false;
};

}  // namespace

CAUSEWAY_PLUGIN(CandidatesFile, "candidates-file", "Forwardings from a file", "1.0.0",
                "Port forwardings that were set up by hand");
