#include "event_loop.hpp"

#include <algorithm>

namespace causeway::interop {

EventLoop::~EventLoop() {
  g_main_context_pop_thread_default(context_);
  g_main_context_unref(context_);
}

bool EventLoop::run_until(Duration limit, const std::function<bool()>& is_done) {
  const SteadyTime end = read_clocks().steady + limit;
  for (;;) {
    const SteadyTime wake = std::min(end, on_turn().value_or(end));
    if (is_done()) return true;
    const SteadyTime now = read_clocks().steady;
    if (now >= end) return false;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::max(wake - now, Duration::zero()));
    GSource* timer = g_timeout_source_new(static_cast<guint>(wait.count()));
    g_source_set_callback(
        timer, [](gpointer) -> gboolean { return G_SOURCE_REMOVE; }, nullptr, nullptr);
    g_source_attach(timer, context_);
    g_main_context_iteration(context_, TRUE);
    g_source_destroy(timer);
    g_source_unref(timer);
  }
}

}  // namespace causeway::interop
