#include <fmt/format.h>

#include "causeway/ext/state.h"
#include "plugin/text.hpp"
#include "sdk/validator/contract_checks.hpp"
#include "sdk/validator/guarded.hpp"
#include "sdk/validator/random.hpp"

namespace causeway::validator {

namespace {

constexpr int kMutations = 200;

class Check {
 public:
  Check(Stage& stage, const LibraryPtr& library, const cw_state& table)
      : stage_(stage), library_(library), table_(table) {}

  void run() {
    if (table_.export_state == nullptr || table_.import_state == nullptr) return;
    const InstancePtr first = make_instance(stage_, library_, 42);
    const auto exported = take_out(first);
    end_instance(stage_, first);
    if (!exported) return;
    const InstancePtr second = make_instance(stage_, library_, 42);
    if (!second) return;
    if (!exported->empty() && put_in(*second, table_.schema, *exported) != CW_OK)
      stage_.error("contract", "import_state refuses what export_state of the same build wrote");
    const auto again = take_out(second);
    end_instance(stage_, second);
    if (again && *again != *exported) {
      stage_.warning(
          "contract",
          "state that was exported, imported and exported again is not the same: is something lost on the "
          "way?");
    }
    strangers(*exported);
  }

 private:
  std::optional<Bytes> take_out(const InstancePtr& instance) {
    if (!instance) return std::nullopt;
    buffer_.reset();
    auto* const at = static_cast<std::uint8_t*>(buffer_.place(CW_MAX_STATE));
    std::uint64_t size = 0;
    const cw_status status = stage_.call(
        "export_state", {}, [&] { return table_.export_state(instance->get(), at, CW_MAX_STATE, &size); });
    if (status != CW_OK) {
      stage_.warning("contract", fmt::format("export_state failed ({}): the next generation starts cold",
                                             plugin::status_text(status)));
      return std::nullopt;
    }
    if (size > CW_MAX_STATE) {
      stage_.error("contract",
                   fmt::format("export_state says it wrote {} bytes into {}", size, CW_MAX_STATE));
      return std::nullopt;
    }
    return Bytes(at, at + size);
  }
  cw_status put_in(plugin::Instance& instance, std::uint32_t schema, ByteView bytes) {
    buffer_.reset();
    auto* const at = static_cast<std::uint8_t*>(buffer_.place(bytes.size()));
    std::copy(bytes.begin(), bytes.end(), at);
    buffer_.set_read_only();
    return stage_.call("import_state", fmt::format("{} bytes of schema {}", bytes.size(), schema),
                       [&] { return table_.import_state(instance.get(), schema, at, bytes.size()); });
  }
  /// State of other versions, and of a disk that lies: refused or taken, but not by a crash.
  void strangers(const Bytes& good) {
    Random random(stage_.seed());
    for (int i = 0; i < kMutations; ++i) {
      const InstancePtr instance = make_instance(stage_, library_, 42);
      if (!instance) return;
      Bytes bytes = good;
      bytes.resize(random.chance(50) ? bytes.size() : random.below(bytes.size() + 64), random.byte());
      for (std::uint64_t n = random.below(4); n-- > 0 && !bytes.empty();)
        bytes[random.below(bytes.size())] = random.byte();
      const std::uint32_t schema = random.chance(80) ? table_.schema : table_.schema + 1;
      const cw_status status = put_in(*instance, schema, bytes);
      if (status == CW_OK && schema != table_.schema) {
        stage_.warning("contract",
                       "import_state takes a schema that it does not write: return CW_ERROR_NOT_SUPPORTED "
                       "for those it does not know");
      }
      end_instance(stage_, instance);
    }
  }

  Stage& stage_;
  const LibraryPtr& library_;
  cw_state table_;
  Guarded buffer_{"the buffer of a state", CW_MAX_STATE};
};

}  // namespace

void check_state(Stage& stage, const LibraryPtr& library) {
  const void* const given = library->entry().get_extension(CW_EXT_STATE);
  if (given == nullptr) return;
  cw_state table{};
  std::uint32_t size = 0;
  __builtin_memcpy(&size, given, sizeof size);
  __builtin_memcpy(&table, given, std::min<std::size_t>(size, sizeof table));
  Check(stage, library, table).run();
}

}  // namespace causeway::validator
