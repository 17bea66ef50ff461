#include "daemon/friend_methods.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "protocol/json.hpp"
#include "protocol/name.hpp"

namespace causeway::daemon {
namespace {

using Json = nlohmann::json;

Result<std::string> name_in(const Json& params) {
  const auto name = protocol::get_string(params, "name");
  if (!name || !protocol::is_valid_name(*name)) {
    return Error{"name a user, or a node of a user: 1 to 63 letters, digits, '.', '_', '-'"};
  }
  return protocol::success(*name);
}

std::string describe_added(const node::Node& node, const std::string& user) {
  const auto& state = node.friends().state();
  const store::Friend* known = node.friends().find(user);
  if (known && known->mutual) return fmt::format("{} is a friend", user);
  return fmt::format("{} is on the friend list; {} once {} has added {}, too", user,
                     state.friends_only ? "the nodes reach each other" : "the friendship is mutual", user,
                     state.user);
}

}  // namespace

void add_friend(ControlTarget& target, const Json& params, ControlSocket::Completion done) {
  const auto name = name_in(params);
  if (!name) return done(name.error());
  std::optional<crypto::IdentityPublicKey> key;
  if (const auto text = protocol::get_string(params, "key")) {
    key = crypto::IdentityPublicKey::from_base64(*text);
    if (!key) {
      return done(
          Error{"the key is no Ed25519 identity: give the 44 characters that `causeway status` shows "
                "as identity on the friend's node"});
    }
  }
  node::Node& node = target.node();
  target.on_friend_answered(
      node.add_friend(*name, key, target.now()), [&node, done](const node::FriendAnswered& answer) {
        if (!answer.error.empty()) return done(Error{answer.error});
        const store::Friend* known = node.friends().find(answer.user);
        done(protocol::success(Json{{"message", describe_added(node, answer.user)},
                                    {"friend", known ? node::friend_report(node, *known) : Json(nullptr)}}));
      });
  target.pump();
}

void remove_friend(ControlTarget& target, const Json& params, ControlSocket::Completion done) {
  const auto name = name_in(params);
  if (!name) return done(name.error());
  target.on_friend_answered(target.node().remove_friend(*name, target.now()),
                            [done](const node::FriendAnswered& answer) {
                              if (!answer.error.empty()) return done(Error{answer.error});
                              const std::string message =
                                  fmt::format("{} is no friend, and nothing is pinned any more", answer.user);
                              done(protocol::success(Json{{"message", message}, {"friend", nullptr}}));
                            });
  target.pump();
}

}  // namespace causeway::daemon
