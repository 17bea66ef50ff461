#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "transport-turn/turn_client.hpp"
#include "transport-turn/turn_times.hpp"
#include "turn_server.hpp"

namespace transport_turn::test {

inline const cw_address kCarol = at("192.0.2.33:9");

/// A client and a server with a wire that a test can cut, in virtual time.
class TurnClientTest : public ::testing::Test {
 protected:
  void make(bool is_stream = false, std::uint8_t family = 4) {
    client_ = std::make_unique<TurnClient>(TurnClient::Settings{is_stream, family, {"alice", "secret"}},
                                           [this](std::uint8_t* bytes, std::size_t size) {
                                             while (size-- > 0)
                                               *bytes++ = static_cast<std::uint8_t>(random_());
                                           });
  }
  void start() {
    client_->start(now_);
    settle();
  }
  void allocate() {
    make();
    start();
    ASSERT_TRUE(client_->is_allocated());
  }
  /// Carries messages to and fro until nothing moves.
  void settle() {
    for (int round = 0; round < 100; ++round) {
      auto output = client_->take();
      note(output);
      if (output.messages.empty()) return;
      for (const Bytes& message : output.messages) {
        ++sent_;
        if (!is_cut_) client_->on_message(server_.answer(message), now_);
      }
    }
    FAIL() << "client and server go in circles";
  }
  void note(TurnClient::Output& output) {
    if (output.allocated) allocation_ = output.allocated;
    if (output.routes) routes_ = std::move(output.routes);
    if (output.ended) {
      EXPECT_FALSE(ended_) << "ended twice";
      ended_ = output.ended;
    }
    is_running_out_ = is_running_out_ || output.is_running_out;
  }
  /// Time passes; the client is called when it wishes to be.
  void pass(std::int64_t span) {
    const std::int64_t end = now_ + span;
    while (client_->next_time() && *client_->next_time() <= end) {
      ASSERT_GE(*client_->next_time(), last_call_) << "it wants to be called in the past";
      now_ = std::max(now_, *client_->next_time());
      last_call_ = now_;
      client_->on_time(now_);
      settle();
      if (::testing::Test::HasFatalFailure()) return;
      ASSERT_LT(++calls_, 100'000) << "called without end";
    }
    now_ = end;
  }
  Failure failure() const { return ended_ ? ended_->failure : Failure::released; }
  bool is_bound(const cw_address& peer) const {
    const Route* route = routes_ ? routes_->find(peer) : nullptr;
    return route != nullptr && route->is_bound;
  }
  bool is_permitted(const cw_address& peer) const {
    const Permission* permission = routes_ ? routes_->find_permission(peer) : nullptr;
    return permission != nullptr && permission->is_granted;
  }

  std::mt19937 random_{7};
  TurnServer server_;
  std::unique_ptr<TurnClient> client_;
  std::int64_t now_ = kSecond;
  std::int64_t last_call_ = 0;
  int calls_ = 0;
  bool is_cut_ = false;
  std::size_t sent_ = 0;
  std::optional<TurnClient::Allocation> allocation_;
  std::unique_ptr<const RouteTable> routes_;
  std::optional<TurnClient::Ended> ended_;
  bool is_running_out_ = false;
};

}  // namespace transport_turn::test
