// A candidate source for tests: each base is "seen" as 203.0.113.<generation of set_bases>; posts, timers and
// datagrams are answered in ways a test can see.
#include "causeway/cpp/plugin.hpp"

namespace {

using namespace causeway_sdk;

class EchoSource final : public CandidateSourcePlugin {
 public:
  using CandidateSourcePlugin::CandidateSourcePlugin;

  cw_status configure(std::string_view json) override {
    has_servers_ = json.find("3478") != std::string_view::npos;
    return CW_OK;
  }

  cw_status set_bases(Items<cw_base_view> bases) override {
#ifdef FAILS_LATER
    // The self-check names a server.
    if (bases.size() > 0 && !has_servers_) {
      host().found(1, CW_CANDIDATE_SERVER_REFLEXIVE, address(77));
      return CW_ERROR_FAILED;
    }
#endif
    for (std::uint32_t i = 0; i < bases.size(); ++i) {
      const cw_base_view base = bases.get(i);
      host().found(base.id, CW_CANDIDATE_SERVER_REFLEXIVE, address(static_cast<std::uint8_t>(base.id)));
      base_ = base.id;
      const cw_address server = {4, 0, 3478, {198, 51, 100, 1}};
      host().send(base.id, server, reinterpret_cast<const std::uint8_t*>("hello"), 5);
    }
    host().done();
    return CW_OK;
  }

  cw_status on_datagram(std::uint32_t base, const cw_address& from, const std::uint8_t* bytes,
                        std::size_t size) override {
    if (size > 0 && bytes[0] == 'F') return CW_ERROR_FAILED;
    if (size > 0 && bytes[0] == 'T') return host().set_timer(5, host().now().steady_ns + 1'000'000'000);
    return host().send(base, from, bytes, size);
  }

  cw_status on_timer(std::uint32_t) override {
    const auto* post =
        static_cast<const cw_host_post*>(host().raw()->get_extension(host().raw(), CW_EXT_HOST_POST));
    return post->post(host().raw(), &EchoSource::posted, this);
  }

  static cw_address address(std::uint8_t last) { return {4, 0, 4000, {203, 0, 113, last}}; }

 private:
  static void posted(void* self) {
    auto* source = static_cast<EchoSource*>(self);
    source->host().lost(source->base_, address(static_cast<std::uint8_t>(source->base_)));
  }
  std::uint32_t base_ = 0;
  bool has_servers_ = false;
};

}  // namespace

CAUSEWAY_PLUGIN(EchoSource, "echo-source", "Echo", "1.0", "Finds what it is told");
