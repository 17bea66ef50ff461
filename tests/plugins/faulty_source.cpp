// A candidate source that breaks its contract in the way that FAULT names; without it, it is in order.
#include "causeway/cpp/plugin.hpp"

#ifndef FAULT
#define FAULT ""
#endif

namespace {

using namespace causeway_sdk;

class FaultySource final : public CandidateSourcePlugin {
 public:
  using CandidateSourcePlugin::CandidateSourcePlugin;

  cw_status configure(std::string_view) override { return CW_OK; }
  cw_status set_bases(Items<cw_base_view> bases) override {
    for (std::uint32_t i = 0; i < bases.size(); ++i) {
      const cw_base_view base = bases.get(i);
      if (is("stale-base") && first_ == 0) first_ = base.id;
      const cw_address server = {4, 0, 3478, {198, 51, 100, 7}};
      std::uint8_t bytes[20] = {0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42};
      if (is("own-chance"))
        bytes[12] = static_cast<std::uint8_t>(reinterpret_cast<std::uintptr_t>(this) >> 4);
      host().send(is("stale-base") ? first_ : base.id, server, bytes, sizeof bytes);
    }
    if (is("busy")) host().set_timer(0, host().now().steady_ns);
    return is("never-done") ? CW_OK : host().done();
  }
  cw_status on_datagram(std::uint32_t, const cw_address&, const std::uint8_t* bytes,
                        std::size_t size) override {
    if (is("fails-on-noise") && size < 20) return CW_ERROR_INVALID_ARGUMENT;
    if (is("beyond-end") && bytes[size] == 77) return CW_ERROR_FAILED;
    return CW_OK;
  }
  cw_status on_timer(std::uint32_t) override {
    if (is("busy")) host().set_timer(0, host().now().steady_ns);
    return CW_OK;
  }

 private:
  static bool is(const char* fault) { return std::strcmp(FAULT, fault) == 0; }
  std::uint32_t first_ = 0;
};

}  // namespace

CAUSEWAY_PLUGIN(FaultySource, ID, "Faulty", "0.1", "");
