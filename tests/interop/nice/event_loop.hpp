#pragma once

#include <glib.h>

#include <functional>
#include <optional>

#include "base/time.hpp"

namespace causeway::interop {

/// A GLib main context that both agents live in, driven one iteration at a time: it sleeps in poll() until a
/// socket, a timer of libnice, or the next timeout of ours.
class EventLoop {
 public:
  EventLoop() : context_(g_main_context_new()) { g_main_context_push_thread_default(context_); }
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  GMainContext* context() { return context_; }
  /// Called between iterations; returns when it wants to be called again at the latest.
  std::function<std::optional<SteadyTime>()> on_turn = [] { return std::nullopt; };

  /// Until `is_done`, or `limit` has passed: false.
  bool run_until(Duration limit, const std::function<bool()>& is_done);

 private:
  GMainContext* context_;
};

}  // namespace causeway::interop
