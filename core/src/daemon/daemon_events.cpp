// What the daemon waits for, and whom it tells.
#include <unistd.h>

#include <csignal>

#include "base/log.hpp"
#include "daemon/running_daemon.hpp"

namespace causeway::daemon {

namespace {

/// Events taken from the data plane before timers get their turn again.
constexpr std::size_t kEventsAtOnce = 256;
/// Handshake messages waiting: from here on initiators must show a cookie (whitepaper §5.3).
constexpr std::size_t kUnderLoad = 64;
/// A flood comes in bursts: so long after the last one we still count as under load, as wireguard-go has it.
constexpr Duration kUnderLoadFor = 1s;

}  // namespace

void Daemon::wait_for_signals() {
  signals_.async_wait([this](boost::system::error_code error, int signal) {
    if (error) return;
    if (signal == SIGHUP) {
      reload_configuration();
      return wait_for_signals();
    }
    log::info("daemon", "stopping; the enrolment and the address stay");
    shut_down();
  });
}

void Daemon::wait_for_nics() {
  if (!nic_events_.is_open()) nic_events_.assign(::dup(monitor_.descriptor()));
  nic_events_.async_wait(asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    const auto changed = monitor_.refresh();
    if (!changed) {
      log::warning("net", "{}", changed.error().message);
    } else if (monitor_.take_default_route_change() || *changed) {
      on_network_changed({});
    }
    wait_for_nics();
  });
}

void Daemon::wait_for_wake_up() {
  if (!suspend_watch_) {
    auto watch = SuspendWatch::open();
    if (!watch)
      return log::warning("daemon", "{}: a sleep of this machine is noticed late", watch.error().message);
    suspend_watch_.emplace(std::move(*watch));
    wake_ups_.assign(::dup(suspend_watch_->descriptor()));
  }
  wake_ups_.async_wait(asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    if (const auto away = suspend_watch_->take()) {
      log::info("daemon", "awake again after {} s",
                std::chrono::duration_cast<std::chrono::seconds>(*away).count());
      on_network_changed(*away);
    }
    wait_for_wake_up();
  });
}

void Daemon::wait_for_data_events() {
  if (!data_events_.is_open()) data_events_.assign(::dup(data_.events_descriptor()));
  data_events_.async_wait(asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    if (data_.tun_is_gone()) {
      exit_code_ = fail({"somebody deleted the virtual NIC " + nic_.name() + ": start causewayd again"});
      return shut_down();
    }
    if (data_.pending_handshakes() > kUnderLoad) under_load_until_ = now().steady + kUnderLoadFor;
    const bool under_load = now().steady < under_load_until_;
    data_.take_events(kEventsAtOnce, [&](dataplane::Event&& event) {
      node_.on_data_event(std::move(event), under_load, now());
      pump();
    });
    wait_for_data_events();
  });
}

void Daemon::arm_timer() {
  std::optional<SteadyTime> next = node_.next_timeout();
  if (const auto plugins = plugins_.next_timeout(); plugins && (!next || *plugins < *next)) next = plugins;
  if (!next) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(asio::steady_timer::time_point(*next));
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    plugins_.on_timeout(now());
    node_.on_timeout(now());
    pump();
  });
}

}  // namespace causeway::daemon
