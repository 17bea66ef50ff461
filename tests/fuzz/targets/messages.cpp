#include "protocol/messages.hpp"

#include "input.hpp"
#include "protocol/rpc.hpp"

namespace causeway::fuzz {
namespace {

/// What was read is the same after being written.
template <class Params>
void check(const protocol::Json& json) {
  const auto read = Params::parse(json);
  if (!read) return;
  const protocol::Json written = read->to_json();
  const auto again = Params::parse(written);
  require(again && again->to_json() == written, "parameters change by being written");
}

}  // namespace
}  // namespace causeway::fuzz

// One line of any sender, tried as every method's parameters and results.
CAUSEWAY_FUZZ_TARGET(messages) {
  const auto message = protocol::parse_message(as_text(input.rest()));
  if (!message) {
    protocol::make_error(message.error().id, message.error().error);
    return;
  }
  protocol::Json json = protocol::Json::object();
  if (const auto* request = std::get_if<protocol::Request>(&*message)) json = request->params;
  if (const auto* notification = std::get_if<protocol::Notification>(&*message)) json = notification->params;
  if (const auto* reply = std::get_if<protocol::Reply>(&*message)) {
    if (const auto* result = std::get_if<protocol::Json>(&reply->outcome)) json = *result;
  }
  check<protocol::AuthenticateParams>(json);
  check<protocol::AuthenticateResult>(json);
  check<protocol::RegisterParams>(json);
  check<protocol::RegisterResult>(json);
  check<protocol::UpdateParams>(json);
  check<protocol::NodeInfo>(json);
  check<protocol::QueryParams>(json);
  check<protocol::QueryResult>(json);
  check<protocol::ConnectParams>(json);
  check<protocol::ConnectResult>(json);
  check<protocol::ConnectOffer>(json);
  check<protocol::PeerChanged>(json);
  check<protocol::Shutdown>(json);
  check<protocol::TurnChanged>(json);
  check<protocol::ReportParams>(json);
  check<protocol::SubscribeParams>(json);
  check<protocol::SubscribeResult>(json);
  check<protocol::SubscriptionRequest>(json);
  check<protocol::SubscriptionAnswer>(json);
  check<protocol::SubscriptionChanged>(json);
}
