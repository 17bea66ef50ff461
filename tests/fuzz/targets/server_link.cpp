#include "link/server_link_fsm.hpp"

#include <array>
#include <charconv>
#include <deque>
#include <unordered_map>
#include <unordered_set>

#include "crypto/ed25519.hpp"
#include "input.hpp"
#include "protocol/rpc.hpp"

namespace causeway::fuzz {
namespace {

using link::ServerLinkFsm;
using protocol::Json;

struct Identities {
  SeededRandom random{1};
  crypto::IdentityKeys own = crypto::generate_identity(random);
  crypto::IdentityKeys other = crypto::generate_identity(random);
};
const Identities& identities() {
  static const Identities made;
  return made;
}

/// What stands between `before` and the next quote; empty if nothing does.
std::string_view quoted_after(std::string_view text, std::string_view before) {
  const std::size_t at = text.find(before);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + before.size());
  return text.substr(0, text.find('"'));
}

/// A node's link with a server that lies: nodes that never signed, replies to nothing, lists without end. Its
/// messages are put together as text, and what it signed is remembered from other inputs: what takes time is
/// the link.
class LyingServer {
 public:
  LyingServer() {
    ServerLinkFsm::Options options;
    options.enrolment.network = "home";
    options.enrolment.servers = {{"198.51.100.1", 7443}, {"198.51.100.2", 7443}};
    options.enrolment.secret = "AAAAAAAAAAAAAAAAAAAAAA";
    options.wished_name = "n1";
    options.identity = own_.secret;
    options.identity_public = own_.public_key;
    options.record_serial = 40;
    fsm_ = std::make_unique<ServerLinkFsm>(std::move(options), random_);
    fsm_->start(now_);
    pump();
  }

  void act(Input& input) {
    const std::uint8_t what = input.byte();
    switch (what % 12) {
      case 0:
        if (is_open_) fsm_->on_connected(Bytes(32, what), now_);
        break;
      case 1:
        fsm_->on_line(as_text(input.piece()), now_);
        break;
      case 2:
      case 3:
      case 4:
        answer(input);
        break;
      case 5:
        notify(what, input);
        break;
      case 6:
        pass(std::chrono::milliseconds(input.u16() * 8));
        break;
      case 7:
        fsm_->on_closed("the connection ended", now_);
        is_open_ = false;
        break;
      case 8:
        if ((what & 16) != 0) {
          fsm_->subscribe(net::IpAddress::v4(0x0a0a0000u + input.byte()), now_);
          break;
        }
        fsm_->connect(net::IpAddress::v4(0x0a0a0000u + input.byte()), "ufrag1", {}, now_);
        break;
      case 9:
        if ((what & 16) != 0) {
          fsm_->unsubscribe(net::IpAddress::v4(0x0a0a0000u + input.byte()), now_);
          break;
        }
        fsm_->disconnect(net::IpAddress::v4(0x0a0a0000u + input.byte()));
        break;
      case 10:
        if ((what & 16) != 0) fsm_->leave(now_);
        if ((what & 16) == 0) fsm_->start(now_);
        break;
      default:
        if ((what & 16) != 0) {
          fsm_->review_subscribers(now_);
        } else {
          fsm_->refresh_directory(now_);
        }
    }
    pump();
    tick();
  }

 private:
  struct Request {
    std::uint64_t id = 0;
    std::string method;
  };

  void notify(std::uint8_t what, Input& input) {
    std::string method = "peer.changed";
    std::string params;
    switch (what >> 4 & 7) {
      case 1:
        method = "connect.offer";
        params = described(input);
        break;
      case 2:
        method = "subscription.request";
        params = R"({"nodes":[)" + node(input) + "," + node(input) + "]}";
        break;
      case 3:
        method = "subscription.changed";
        params = R"({"virtual_address":"10.10.0.)" + std::to_string(input.byte()) +
                 R"(","state":"accepted","node":)" + node(input) + "}";
        break;
      case 4:
        method = "turn.changed";
        params = R"({"turn":[{"uri":"turn:192.0.2.)" + std::to_string(input.byte()) +
                 R"(:3478","username":"1:a","password":"b","expires":)" + std::to_string(input.u32()) + "}]}";
        break;
      default:
        params = described(input);
    }
    fsm_->on_line(R"({"jsonrpc":"2.0","method":")" + method + R"(","params":)" + params + "}", now_);
  }
  void answer(Input& input) {
    if (requests_.empty()) return;
    const Request request = requests_.front();
    requests_.pop_front();
    const std::uint8_t how = input.byte();
    if (how == 0) {
      const auto code = static_cast<protocol::ErrorCode>(input.byte() % 16);
      fsm_->on_line(protocol::make_error(request.id, {code, "no", input.u32()}), now_);
      return;
    }
    std::string result = "{}";
    if (request.method == "authenticate") {
      result = R"({"name":"n1","user":"ann","friends":[],"permissions":["reach"],"keepalive_s":)" +
               std::to_string(input.u16()) + "}";
    }
    if (request.method == "register") {
      const auto address = net::IpAddress::v4(0x0a0a0000u + (how == 1 ? input.u32() : 101));
      result = R"({"virtual_address":")" + address.to_string() + R"(","prefix":"10.10.0.0/24")";
      if (how == 2)
        result += R"(,"prefix6":"fd12:3456:789a::/64","virtual_address6":"fd12:3456:789a::a0a:65")";
      if (how == 4) result += R"(,"reconnect_ms":)" + std::to_string(input.u16());
      result += '}';
    }
    if (request.method == "query") {
      result = R"({"nodes":[)" + node(input) + R"(],"unreachable":[])";
      if (how % 4 == 3) result += R"(,"next":"10.10.0.)" + std::to_string(input.byte()) + '"';
      result += '}';
    }
    if (request.method == "connect") result = described(input);
    if (request.method == "subscribe") {
      static constexpr std::array kStates{"pending", "accepted", "refused", "no_such_address"};
      result = R"({"subscriptions":[{"virtual_address":"10.10.0.)" + std::to_string(input.byte()) +
               R"(","state":")" + kStates[how % 4] + R"("}]})";
    }
    if (how % 8 == 7) {
      const auto raw = protocol::parse_json(as_text(input.piece()));
      if (raw && raw->is_object()) {
        Json changed = Json::parse(result);
        changed.update(*raw);
        result = protocol::to_line(changed);
      }
    }
    fsm_->on_line(R"({"jsonrpc":"2.0","id":)" + std::to_string(request.id) + R"(,"result":)" + result + "}",
                  now_);
  }
  std::string described(Input& input) { return R"({"ufrag":"ufrag2","node":)" + node(input) + "}"; }
  /// Another node as told by this server, true or not.
  std::string node(Input& input) {
    const std::uint8_t how = input.byte();
    const std::uint16_t address = (how & 8) != 0 ? input.u16() : 102;
    const std::uint8_t serial = input.byte();
    const net::Endpoint candidate{net::IpAddress::v4(input.u32()), input.u16()};
    return R"({"virtual_address":"10.10.0.102","name":"n2","state":")" +
           std::string((how & 32) == 0 ? "online" : "offline") + R"(","record":)" +
           record(how, address, serial) +
           R"(,"candidates":[{"type":"host","protocol":"udp","foundation":"1","priority":100,"address":")" +
           candidate.to_string() + R"("}]})";
  }
  const std::string& record(std::uint8_t how, std::uint16_t address, std::uint8_t serial) const {
    static std::unordered_map<std::string, std::string> known;
    const auto today = std::chrono::floor<std::chrono::days>(now_.wall);
    const std::string key = std::to_string(how & 31) + '/' + std::to_string(address) + '/' +
                            std::to_string(serial) + '/' + std::to_string(today.time_since_epoch().count());
    if (const auto found = known.find(key); found != known.end()) return found->second;
    if (known.size() > 20'000) known.clear();
    const crypto::IdentityKeys& keys = (how & 1) != 0 ? own_ : other_;
    protocol::NodeRecord made;
    made.network = (how & 2) != 0 ? "office" : "home";
    made.name = (how & 4) != 0 ? "n3" : "n2";
    made.identity = other_.public_key;
    made.virtual_addresses = {net::IpAddress::v4(0x0a0a0000u + address)};
    made.serial = serial;
    made.expires = today + std::chrono::days((how & 16) != 0 ? 0 : 2);
    return known.emplace(key, protocol::sign(made, keys.secret).to_json().dump()).first->second;
  }
  void pump() {
    while (auto action = fsm_->poll_action()) {
      if (std::holds_alternative<link::OpenConnection>(*action)) {
        require(!is_open_, "a second connection beside the first");
        is_open_ = true;
        ++opened_;
      } else if (std::holds_alternative<link::CloseConnection>(*action)) {
        is_open_ = false;
        requests_.clear();
      } else if (const auto* send = std::get_if<link::SendLine>(&*action)) {
        require(send->line.size() <= 64 * 1024 && send->line.find('\n') == std::string::npos,
                "a line that is none");
        read(send->line);
      } else if (const auto* described = std::get_if<link::PeerDescribed>(&*action)) {
        believe(described->node);
      } else if (const auto* offered = std::get_if<link::PeerOffered>(&*action)) {
        believe(offered->node);
      } else if (const auto* asking = std::get_if<link::SubscribersAsk>(&*action)) {
        std::vector<net::IpAddress> accepted;
        for (const auto& subscriber : asking->nodes) {
          believe(subscriber);
          accepted.push_back(subscriber.virtual_address);
        }
        fsm_->answer_subscribers(std::move(accepted), asking->disbelieved, now_);
      } else if (const auto* told = std::get_if<link::TurnServersTold>(&*action)) {
        require(told->servers.size() <= protocol::kMaxTurnServers, "more TURN servers than a list may have");
      }
    }
  }
  void read(const std::string& line) {
    // Most lines are the same in every input.
    static std::unordered_set<std::string> readable;
    if (!readable.contains(line)) {
      require(protocol::parse_message(line).has_value(), "a line that no server reads");
      if (readable.size() > 20'000) readable.clear();
      readable.insert(line);
    }
    constexpr std::string_view kRequest = R"({"id":)";
    if (!line.starts_with(kRequest) || requests_.size() >= 64) return;
    Request request;
    std::from_chars(line.data() + kRequest.size(), line.data() + line.size(), request.id);
    request.method = quoted_after(line, R"("method":")");
    requests_.push_back(request);
  }
  void believe(const link::NodeDescription& node) {
    require(node.record.identity == other_.public_key, "a node that nobody is");
    require(protocol::verify(node.signed_record, "home", now_.wall).has_value(),
            "an unsigned node is believed");
    require(node.record.virtual_addresses.front() == node.virtual_address,
            "an address that its owner did not sign");
    require(node.record.serial >= newest_, "an older record came back");
    newest_ = node.record.serial;
  }
  void tick() {
    for (int i = 0; fsm_->next_timeout() && *fsm_->next_timeout() <= now_.steady; ++i) {
      require(i < 100, "a timer that spins");
      fsm_->on_timeout(now_);
      pump();
    }
  }
  void pass(Duration time) {
    const int before = opened_;
    now_.steady += time;
    now_.wall += time;
    tick();
    require(opened_ <= before + 2, "the server is hammered");
  }

  const crypto::IdentityKeys& own_ = identities().own;
  const crypto::IdentityKeys& other_ = identities().other;
  SeededRandom random_{1};
  Now now_{SteadyTime(std::chrono::seconds(1000)), WallTime(std::chrono::seconds(1'790'000'000))};
  std::unique_ptr<ServerLinkFsm> fsm_;
  std::deque<Request> requests_;
  bool is_open_ = false;
  int opened_ = 0;
  std::uint64_t newest_ = 0;
};

}  // namespace
}  // namespace causeway::fuzz

CAUSEWAY_FUZZ_TARGET(server_link) {
  LyingServer server;
  for (int step = 0; step < 64 && !input.is_empty(); ++step)
    server.act(input);
}
