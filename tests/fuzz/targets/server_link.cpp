#include "link/server_link_fsm.hpp"

#include "crypto/ed25519.hpp"
#include "input.hpp"
#include "protocol/rpc.hpp"

namespace causeway::fuzz {
namespace {

using link::ServerLinkFsm;
using protocol::Json;

/// A node's link with a server that lies: nodes that never signed, replies to nothing, lists without end.
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
        fsm_->on_line(protocol::make_notification((what & 16) != 0 ? "connect.offer" : "peer.changed",
                                                  described(input)),
                      now_);
        break;
      case 6:
        pass(std::chrono::milliseconds(input.u16() * 8));
        break;
      case 7:
        fsm_->on_closed("the connection ended", now_);
        is_open_ = false;
        break;
      case 8:
        fsm_->connect(net::IpAddress::v4(0x0a0a0000u + input.byte()), "ufrag1", {}, now_);
        break;
      case 9:
        fsm_->disconnect(net::IpAddress::v4(0x0a0a0000u + input.byte()));
        break;
      case 10:
        if ((what & 16) != 0) fsm_->leave(now_);
        if ((what & 16) == 0) fsm_->start(now_);
        break;
      default:
        fsm_->refresh_directory(now_);
    }
    pump();
    tick();
  }

 private:
  void answer(Input& input) {
    if (requests_.empty()) return;
    const Json request = requests_.front();
    requests_.erase(requests_.begin());
    const std::uint64_t id = request["id"];
    const std::string method = request["method"];
    const std::uint8_t how = input.byte();
    Json result = Json::object();
    if (how == 0) {
      fsm_->on_line(
          protocol::make_error(id, {static_cast<protocol::ErrorCode>(input.byte() % 16), "no", input.u32()}),
          now_);
      return;
    }
    if (method == "authenticate")
      result = protocol::AuthenticateResult{"n1", "ann", {}, {"reach"}, input.u16()}.to_json();
    if (method == "register") {
      protocol::RegisterResult made;
      made.virtual_address = net::IpAddress::v4(0x0a0a0000u + (how == 1 ? input.u32() : 101));
      made.prefix = *net::Prefix::parse("10.10.0.0/24");
      result = made.to_json();
    }
    if (method == "query") {
      result = {{"nodes", Json::array({described(input)["node"]})}, {"unreachable", Json::array()}};
      if (how % 4 == 3) result["next"] = "10.10.0." + std::to_string(input.byte());
    }
    if (method == "connect") result = described(input);
    if (how % 8 == 7) {
      const auto raw = protocol::parse_json(as_text(input.piece()));
      if (raw && raw->is_object()) result.update(*raw);
    }
    fsm_->on_line(protocol::make_result(id, result), now_);
  }
  /// Another node as told by this server, true or not.
  Json described(Input& input) {
    protocol::NodeRecord record;
    const std::uint8_t how = input.byte();
    const crypto::IdentityKeys& keys = (how & 1) != 0 ? own_ : other_;
    record.network = (how & 2) != 0 ? "office" : "home";
    record.name = (how & 4) != 0 ? "n3" : "n2";
    record.identity = other_.public_key;
    record.virtual_addresses = {net::IpAddress::v4(0x0a0a0000u + ((how & 8) != 0 ? input.u16() : 102))};
    record.serial = input.byte();
    record.expires = now_.wall + std::chrono::hours((how & 16) != 0 ? -1 : 24);
    protocol::NodeInfo info{*net::IpAddress::parse("10.10.0.102"),
                            "n2",
                            (how & 32) == 0,
                            protocol::sign(record, keys.secret),
                            {{"host", "udp", {net::IpAddress::v4(input.u32()), input.u16()}, "1", 100}}};
    return {{"node", info.to_json()}, {"ufrag", "ufrag2"}};
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
        const auto json = protocol::parse_json(send->line);
        require(json.has_value(), "a line that no server reads");
        if (json->contains("id") && requests_.size() < 64) requests_.push_back(*json);
      } else if (const auto* described = std::get_if<link::PeerDescribed>(&*action)) {
        believe(described->node);
      } else if (const auto* offered = std::get_if<link::PeerOffered>(&*action)) {
        believe(offered->node);
      }
    }
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

  SeededRandom random_{1};
  crypto::IdentityKeys own_ = crypto::generate_identity(random_);
  crypto::IdentityKeys other_ = crypto::generate_identity(random_);
  Now now_{SteadyTime(std::chrono::seconds(1000)), WallTime(std::chrono::seconds(1'790'000'000))};
  std::unique_ptr<ServerLinkFsm> fsm_;
  std::vector<Json> requests_;
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
