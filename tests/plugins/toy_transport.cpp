// A transport for tests, with a relay protocol of its own. Over UDP a message begins with its kind:
//   'C' text             for the plugin: "CADDR …" tells the relayed address, other letters make it misbehave
//   'D' address payload  a peer's datagram; address: 4 octets of IPv4, 2 of the port
// Over a stream the same behind two bytes of length. The first TURN server's user name says how it lies.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>

#include "causeway/cpp/plugin.hpp"

namespace {

using namespace causeway_sdk;

constexpr std::uint32_t kHeader = 7;  // 'D' and the address

/// What follows `key":"` in the configuration, up to the next quote.
std::string text_after(std::string_view json, std::string_view key) {
  const auto at = json.find(key);
  if (at == std::string_view::npos) return {};
  const auto begin = at + key.size();
  return std::string(json.substr(begin, json.find('"', begin) - begin));
}

/// "198.51.100.9:3478"
cw_address parse(const std::string& text) {
  cw_address address{};
  unsigned a = 0, b = 0, c = 0, d = 0, port = 0;
  if (std::sscanf(text.c_str(), "%u.%u.%u.%u:%u", &a, &b, &c, &d, &port) != 5) return address;
  address.family = 4;
  address.port = static_cast<std::uint16_t>(port);
  const unsigned octets[4] = {a, b, c, d};
  for (int i = 0; i < 4; ++i)
    address.octets[i] = static_cast<std::uint8_t>(octets[i]);
  return address;
}

class ToyTransport final : public TransportPlugin {
 public:
  using TransportPlugin::TransportPlugin;

  cw_status configure(std::string_view json) override {
    server_ = parse(text_after(json, "\"addresses\":[\""));
    mode_ = text_after(json, "\"username\":\"");
#ifdef TOY_MODE
    mode_.assign(std::string_view(TOY_MODE));
#endif
    const std::string uri = text_after(json, "\"uri\":\"");
    is_stream_ = uri.find("tcp") != std::string::npos;
    kind_ = uri.rfind("turns:", 0) == 0 ? CW_LINK_TLS : is_stream_ ? CW_LINK_TCP : CW_LINK_UDP;
    if (kind_ == CW_LINK_TLS) is_stream_ = true;
    return mode_ == "services" ? misuse_services() : CW_OK;
  }
  cw_status set_bases(Items<cw_base_view> bases) override {
    if (server_.family == 0) return CW_OK;
    for (std::uint32_t i = 0; i < bases.size(); ++i) {
      const cw_base_view base = bases.get(i);
      // The id is the base's: one that is in use already is refused, which is meant.
      host().open_link(base.id % CW_MAX_LINKS, base.id, kind_, server_, "relay.example", false);
    }
    return host().links_done();
  }
  cw_status on_link(std::uint32_t link, std::uint32_t state, std::string_view) override {
    if (state == CW_LINK_OPEN) send(link, "CHELLO");
    if (state == CW_LINK_OPEN) open_.insert(link);
    if (state == CW_LINK_CLOSED) ++closed_;
    if (state == CW_LINK_CLOSED) open_.erase(link);
    return CW_OK;
  }
  cw_status on_message(std::uint32_t link, const std::uint8_t* bytes, std::size_t size) override {
    std::string text(reinterpret_cast<const char*>(bytes), size);
    if (mode_ == "message") throw std::runtime_error("as told");
    if (is_stream_ && size > 2) text.erase(0, 2);
    if (text.rfind("CADDR ", 0) == 0)
      return host().allocated(link, parse(text.substr(6)), server_, "toy-udp", kHeader);
    if (text == "CLOST") return host().allocation_lost(link, "it said so");
    if (text == "CCLOSE") return host().close_link(link);
    if (text == "CAGAIN") {
      host().close_link(link);
      return host().open_link(link, link, kind_, server_, "relay.example", false);
    }
    if (text == "CFAIL") return CW_ERROR_FAILED;
    if (text == "CTHROW") throw std::runtime_error("as told");
    if (text == "CTIMER") return host().set_timer(1, host().now().steady_ns + 1'000'000'000);
    if (text == "CCLOSED?") send(link, "C", closed_);
    return CW_OK;
  }
  cw_status on_timer(std::uint32_t timer) override {
    if (timer == 1) send(1, "CTICK");
    return CW_OK;
  }
  /// Its last words; the links themselves it leaves to the host.
  void on_drain() override {
    for (const std::uint32_t link : open_)
      send(link, "CBYE");
  }
  cw_status want_peer(std::uint32_t link, const cw_address& peer) override {
    send(link, "CWANT ", peer.port);
    return CW_OK;
  }
  cw_status drop_peer(std::uint32_t link, const cw_address& peer) override {
    send(link, "CDROP ", peer.port);
    return CW_OK;
  }
  std::int64_t frame(const std::uint8_t* bytes, std::size_t size) const override {
    if (size < 2) return 0;
    const std::size_t length = 2U + (std::size_t{bytes[0]} << 8 | bytes[1]);
    if (length == 2U + 0xffff) return -1;  // "not our protocol"
    return size < length ? 0 : static_cast<std::int64_t>(length);
  }

  cw_status wrap(std::uint32_t, Packets packets) override {
    if (mode_ == "fail") return CW_ERROR_FAILED;
    if (mode_ == "throw") throw std::runtime_error("as told");
    for (std::uint32_t i = 0; i < packets.size(); ++i) {
      cw_packet& packet = packets[i];
      if (packet.peer.family != 4 || packet.size > 60'000) continue;
      const std::uint32_t front = kHeader + (is_stream_ ? 2U : 0U);
      const std::uint32_t inside = packet.size + kHeader;
      packet.bytes -= front;
      packet.size += front;
      std::uint8_t* at = packet.bytes;
      if (is_stream_) {
        *at++ = static_cast<std::uint8_t>(inside >> 8);
        *at++ = static_cast<std::uint8_t>(inside & 0xff);
      }
      *at++ = 'D';
      for (int octet = 0; octet < 4; ++octet)
        *at++ = packet.peer.octets[octet];
      *at++ = static_cast<std::uint8_t>(packet.peer.port >> 8);
      *at++ = static_cast<std::uint8_t>(packet.peer.port & 0xff);
      packet.verdict = CW_PACKET_PASS;
      lie_of_wrap(packet);
    }
    return CW_OK;
  }
  cw_status unwrap(std::uint32_t, Packets packets) override {
    if (mode_ == "fail") return CW_ERROR_FAILED;
    if (mode_ == "throw") throw std::runtime_error("as told");
    for (std::uint32_t i = 0; i < packets.size(); ++i) {
      cw_packet& packet = packets[i];
      const std::uint32_t front = is_stream_ ? 2U : 0U;
      if (packet.size <= front) continue;
      const std::uint8_t kind = packet.bytes[front];
      if (kind == 'C') packet.verdict = CW_PACKET_CONTROL;
      if (kind != 'D' || packet.size < front + kHeader) continue;
      const std::uint8_t* at = packet.bytes + front + 1;
      packet.peer = {4, 0, static_cast<std::uint16_t>(at[4] << 8 | at[5]), {at[0], at[1], at[2], at[3]}};
      packet.bytes += front + kHeader;
      packet.size -= front + kHeader;
      packet.verdict = CW_PACKET_PASS;
      lie_of_unwrap(packet);
    }
    return CW_OK;
  }

 private:
  void send(std::uint32_t link, std::string_view text, std::optional<unsigned> number = std::nullopt) {
    std::string inside(text);
    if (number) inside.append(std::to_string(*number));
    std::string message;
    if (is_stream_) {
      message.push_back(static_cast<char>(inside.size() >> 8));
      message.push_back(static_cast<char>(inside.size() & 0xff));
    }
    message.append(inside);
    host().send_on_link(link, reinterpret_cast<const std::uint8_t*>(message.data()), message.size());
  }
  void lie_of_wrap(cw_packet& packet) const {
    if (mode_ == "before") packet.bytes -= 100;
    if (mode_ == "behind") packet.size += 100;
    if (mode_ == "huge") packet.size = 0xffffffff;
    if (mode_ == "null") packet.bytes = nullptr;
    if (mode_ == "verdict") packet.verdict = 77;
  }
  void lie_of_unwrap(cw_packet& packet) const {
    lie_of_wrap(packet);
    if (mode_ == "nobody") packet.peer.family = 0;
  }
  /// Every request about a link that there is not, or that makes no sense, is refused.
  cw_status misuse_services() {
    const std::uint8_t byte = 0;
    const cw_address good = {4, 0, 3478, {198, 51, 100, 9}};
    const cw_address bad = {9, 0, 3478, {198, 51, 100, 9}};
    const cw_address loopback = {4, 0, 3478, {127, 0, 0, 1}};
    const cw_status wanted = CW_ERROR_INVALID_ARGUMENT;
    const bool refused =
        host().close_link(63) == wanted && host().send_on_link(63, &byte, 1) == wanted &&
        host().allocated(63, good, good, "toy", 0) == wanted && host().allocation_lost(63, "") == wanted &&
        host().open_link(CW_MAX_LINKS, 1, CW_LINK_UDP, good, "", false) == wanted &&
        host().open_link(1, 1, 3, good, "", false) == wanted &&
        host().open_link(1, 1, 0, bad, "", false) == wanted &&
        host().open_link(1, 1, 0, loopback, "", false) == wanted &&
        host().open_link(2, 1, CW_LINK_UDP, good, "", false) == CW_OK &&
        host().open_link(2, 1, CW_LINK_UDP, good, "", false) == wanted &&
        host().send_on_link(2, &byte, CW_MAX_STREAM_MESSAGE + 1) == wanted &&
        host().send_on_link(2, nullptr, 1) == wanted && host().send_on_link(2, &byte, 0) == wanted &&
        host().allocated(2, bad, good, "toy", 0) == wanted &&
        host().allocated(2, good, good, "toy", 1000) == wanted && host().close_link(2) == CW_OK &&
        host().raw()->get_extension(host().raw(), CW_EXT_HOST_UDP) == nullptr;
    return refused ? CW_OK : CW_ERROR_FAILED;
  }

  cw_address server_{};
  std::string mode_;
  std::uint32_t kind_ = CW_LINK_UDP;
  bool is_stream_ = false;
  unsigned closed_ = 0;
  std::set<std::uint32_t> open_;
};

}  // namespace

#ifndef TOY_ID
#define TOY_ID "toy-transport"
#endif
CAUSEWAY_PLUGIN(ToyTransport, TOY_ID, "Toy", "1.0", "A relay protocol for tests");
