// template-plugin: asks a STUN server (RFC 8489) as which address each base is seen, again every 25 seconds.
#include <causeway/cpp/address.hpp>
#include <causeway/cpp/plugin.hpp>

#include <array>
#include <map>

namespace {

using namespace causeway_sdk;

constexpr std::uint32_t kTimer = 0;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kPatience = 2 * kSecond;  // for an answer, before everything counts as tried
constexpr std::int64_t kPeriod = 25 * kSecond;   // keeps the mapping of a NAT alive
constexpr std::array<std::uint8_t, 4> kCookie = {0x21, 0x12, 0xa4, 0x42};

using Request = std::array<std::uint8_t, 20>;  // a binding request without attributes

/// The first "a.b.c.d:port" of the list "stun_servers"; family 0 if there is none.
cw_address first_server(std::string_view json) {
  const std::string_view key = "\"stun_servers\":[\"";
  const auto at = json.find(key);
  if (at == std::string_view::npos) return cw_address{};
  const std::string_view text = json.substr(at + key.size());
  const auto address = parse_address(text.substr(0, text.find('"')));
  return address && address->family == 4 ? *address : cw_address{};
}

/// XOR-MAPPED-ADDRESS of IPv4 in the answer to `request`; family 0 if it is none, or somebody else's.
cw_address mapped_address(const Request& request, const std::uint8_t* bytes, std::size_t size) {
  cw_address mapped{};
  if (size < 20 || bytes[0] != 0x01 || bytes[1] != 0x01) return mapped;  // a success response
  if (std::memcmp(bytes + 4, request.data() + 4, 16) != 0) return mapped;
  for (std::size_t at = 20; at + 4 <= size;) {
    const unsigned type = static_cast<unsigned>(bytes[at] << 8 | bytes[at + 1]);
    const std::size_t length = static_cast<std::size_t>(bytes[at + 2] << 8 | bytes[at + 3]);
    if (length > size - at - 4) break;
    const std::uint8_t* value = bytes + at + 4;
    if (type == 0x0020 && length == 8 && value[1] == 0x01) {
      mapped.family = 4;
      mapped.port = static_cast<std::uint16_t>((value[2] ^ kCookie[0]) << 8 | (value[3] ^ kCookie[1]));
      for (std::size_t i = 0; i < 4; ++i)
        mapped.octets[i] = static_cast<std::uint8_t>(value[4 + i] ^ kCookie[i]);
      return mapped;
    }
    at += 4 + (length + 3) / 4 * 4;
  }
  return mapped;
}

class TemplatePlugin final : public CandidateSourcePlugin {
 public:
  using CandidateSourcePlugin::CandidateSourcePlugin;

  cw_status configure(std::string_view json) override {
    server_ = first_server(json);
    return ask_all();
  }

  /// All bases there are: those that are missing are gone, with what was found of them.
  cw_status set_bases(Items<cw_base_view> bases) override {
    std::map<std::uint32_t, Base> present;
    for (std::uint32_t i = 0; i < bases.size(); ++i) {
      const cw_base_view base = bases.get(i);
      if (base.address.family != 4) continue;
      const auto known = bases_.find(base.id);
      present[base.id] = known == bases_.end() ? Base() : known->second;
    }
    bases_ = present;
    return ask_all();
  }

  /// From anybody: what is not the answer to our request is no failure, it is ignored.
  cw_status on_datagram(std::uint32_t base, const cw_address& from, const std::uint8_t* bytes,
                        std::size_t size) override {
    static_cast<void>(from);
    const auto at = bases_.find(base);
    if (at == bases_.end()) return CW_OK;
    const cw_address mapped = mapped_address(at->second.request, bytes, size);
    if (mapped.family == 0 || mapped.port == 0) return CW_OK;
    if (at->second.mapped.family != 0) host().lost(base, at->second.mapped);
    at->second.mapped = mapped;
    host().found(base, CW_CANDIDATE_SERVER_REFLEXIVE, mapped);
    return CW_OK;
  }

  cw_status on_timer(std::uint32_t) override {
    if (is_waiting_) {
      is_waiting_ = false;
      host().done();
      return host().set_timer(kTimer, host().now().steady_ns + kPeriod);
    }
    return ask_all();
  }

 private:
  struct Base {
    Request request{};
    cw_address mapped{};
  };

  cw_status ask_all() {
    host().cancel_timer(kTimer);
    if (server_.family == 0 || bases_.empty()) return host().done();
    for (auto& entry : bases_) {
      Request& request = entry.second.request;
      request = {0x00, 0x01, 0x00, 0x00, kCookie[0], kCookie[1], kCookie[2], kCookie[3]};
      host().random(request.data() + 8, 12);  // the transaction: chance comes from the host
      host().send(entry.first, server_, request.data(), request.size());
    }
    is_waiting_ = true;
    return host().set_timer(kTimer, host().now().steady_ns + kPatience);
  }

  cw_address server_{};
  std::map<std::uint32_t, Base> bases_;
  bool is_waiting_ = false;
};

}  // namespace

CAUSEWAY_PLUGIN(TemplatePlugin, "template-plugin", "STUN", "0.1.0", "Asks the first STUN server, over IPv4");
