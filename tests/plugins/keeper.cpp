// A priority plugin that remembers how often it was asked, and hands that over. Its builds lie in different
// ways.
#include <charconv>
#include <stdexcept>
#include <string>

#include "causeway/cpp/plugin.hpp"

#ifndef SCHEMA
#define SCHEMA 1
#endif
#ifndef MODE
#define MODE ""
#endif

namespace {

using namespace causeway_sdk;

constexpr std::string_view kMode = MODE;

class Keeper final : public WithState<PriorityPlugin, SCHEMA> {
 public:
  using WithState::WithState;

  cw_status rank_candidates(const cw_decision&, Items<cw_candidate_view>, const cw_mutable_array*) override {
    return CW_ERROR_NOT_SUPPORTED;
  }
  /// The score is the number of decisions so far; peers called "home" meet its bad side.
  cw_status score_pairs(const cw_decision& decision, Items<cw_pair_view> pairs,
                        const cw_mutable_array* scores) override {
    const bool is_home = view(decision.peer) == "home";
    if (kMode == "fails" && is_home) return CW_ERROR_FAILED;
    if (kMode == "throws" && is_home) throw std::runtime_error("as built");
    while (kMode == "hangs" && is_home)
      host().now();
    ++asked_;
    for (std::uint32_t i = 0; i < pairs.size(); ++i)
      ScoreOutput(scores, i).score(kMode == "lies" && is_home ? -1 : asked_);
    return CW_OK;
  }

  std::string export_state() const override {
    if (kMode == "greedy") return std::string(CW_MAX_STATE + 1, 'x');
    if (kMode == "silent") return {};
    return std::to_string(asked_);
  }
  cw_status import_state(std::uint32_t schema, std::string_view bytes) override {
    if (schema != SCHEMA) return CW_ERROR_NOT_SUPPORTED;
    while (kMode == "stuck")
      host().now();
    std::int64_t asked = 0;
    const auto end = bytes.data() + bytes.size();
    if (std::from_chars(bytes.data(), end, asked).ptr != end) return CW_ERROR_INVALID_ARGUMENT;
    asked_ = asked;
    return CW_OK;
  }

 private:
  std::int64_t asked_ = 0;
};

}  // namespace

CAUSEWAY_PLUGIN(Keeper, "keeper", "Keeper", "1.0", "Remembers how often it was asked");
