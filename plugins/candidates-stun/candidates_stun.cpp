#include "causeway/cpp/plugin.hpp"
#include "server_list.hpp"
#include "stun_source.hpp"

namespace candidates_stun {

namespace {

using namespace causeway_sdk;

constexpr std::uint32_t kTimer = 0;

class CandidatesStun final : public CandidateSourcePlugin, private World {
 public:
  explicit CandidatesStun(const cw_host* host) : CandidateSourcePlugin(host), source_(*this) {}

  cw_status set_bases(Items<cw_base_view> bases) override {
    std::vector<Base> list;
    for (std::uint32_t i = 0; i < bases.size(); ++i)
      list.push_back({bases.get(i).id, bases.get(i).address});
    source_.set_bases(std::move(list), now());
    return arm();
  }
  cw_status configure(std::string_view json) override {
    auto servers = parse_servers(json);
    if (!servers) return CW_ERROR_INVALID_ARGUMENT;
    source_.set_servers(std::move(*servers), now());
    return arm();
  }
  cw_status on_datagram(std::uint32_t base, const cw_address& from, const std::uint8_t* bytes,
                        std::size_t size) override {
    source_.on_datagram(base, from, bytes, size, now());
    return arm();
  }
  cw_status on_timer(std::uint32_t) override {
    source_.on_time(now());
    return arm();
  }

 private:
  std::int64_t now() const { return host().now().steady_ns; }
  cw_status arm() {
    const auto next = source_.next_time();
    return next ? host().set_timer(kTimer, *next) : host().cancel_timer(kTimer);
  }

  void send(std::uint32_t base, const cw_address& server, const std::uint8_t* bytes,
            std::size_t size) override {
    host().send(base, server, bytes, size);  // a lost one is repeated
  }
  void found(std::uint32_t base, const cw_address& address) override {
    host().found(base, CW_CANDIDATE_SERVER_REFLEXIVE, address);
  }
  void lost(std::uint32_t base, const cw_address& address) override { host().lost(base, address); }
  void done() override { host().done(); }
  void random(std::uint8_t* bytes, std::size_t size) override { host().random(bytes, size); }

  StunSource source_;
};

}  // namespace

}  // namespace candidates_stun

using candidates_stun::CandidatesStun;
CAUSEWAY_PLUGIN(CandidatesStun, "candidates-stun", "STUN candidates (RFC 8489)", "1.0.0",
                "Learns from STUN servers as which addresses this node is seen, and keeps the mappings open");
