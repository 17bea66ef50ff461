#include "dataplane/data_loop.hpp"

#include <fmt/core.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/log.hpp"

namespace causeway::dataplane {
namespace {

/// Reads from one source, and commands taken, before the others have their turn.
constexpr int kOperationsPerTurn = 64;

/// A socket whose NIC has gone reports that at every look, which would keep the loop awake for nothing.
constexpr int kErrorsUntilSetAside = 8;
constexpr Duration kSetAsideFor = 1s;

// What epoll tells us is readable. Base ids are 32 bits, so the two others are out of their range.
constexpr std::uint64_t kCommandsTag = std::uint64_t{1} << 32;
constexpr std::uint64_t kTunTag = std::uint64_t{2} << 32;

std::uint64_t tag_of(net::BaseId id) { return static_cast<std::uint32_t>(id); }

}  // namespace

DataLoop::DataLoop(tun::TunDevice& tun, ControlChannel& channel, DropCounters& drops,
                   const Forwarder::Options& options, LoopPort* port)
    : tun_(tun),
      channel_(channel),
      port_(port),
      forwarder_(tun, channel, drops, options, port),
      receive_buffer_(std::make_unique<std::uint8_t[]>(kReceiveBytes)) {}

DataLoop::~DataLoop() { stop(); }

Result<void> DataLoop::start() {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_ || !poll(channel_.commands_descriptor(), kCommandsTag) ||
      (tun_.descriptor() >= 0 && !poll(tun_.descriptor(), kTunTag))) {
    return Error{fmt::format("cannot start the data loop: {}", std::generic_category().message(errno))};
  }
  // Signals are the control thread's: a new thread inherits the mask of the one that makes it.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return Error{fmt::format("cannot start the data loop: {}", error.what())};
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  const std::string name = port_ ? fmt::format("cw-data-{}", port_->self()) : "cw-data";
  pthread_setname_np(thread_.native_handle(), name.c_str());
  return {};
}

void DataLoop::stop() {
  stopping_.store(true, std::memory_order_release);
  channel_.wake_loop();
  if (thread_.joinable()) thread_.join();
  channel_.close();
  bases_.clear();
}

void DataLoop::run() {
  std::array<epoll_event, 32> ready;
  SteadyTime slept_from = read_clocks().steady;
  while (true) {
    // Announced before the last look at what could need us: whoever adds to it afterwards wakes us.
    const bool may_sleep = channel_.prepare_sleep() && (!port_ || !port_->has_any()) &&
                           !stopping_.load(std::memory_order_acquire);
    const int sleep_ms = may_sleep ? milliseconds_to_sleep(slept_from) : 0;
    const int count = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), sleep_ms);
    if (stopping_.load(std::memory_order_acquire)) return;

    const Now now = read_clocks();
    run_turn(now, std::span(ready).first(static_cast<std::size_t>(std::max(count, 0))));
    slept_from = now.steady;
  }
}

void DataLoop::run_turn(Now now, std::span<const epoll_event> ready) {
  const bool commands_signalled = std::any_of(
      ready.begin(), ready.end(), [](const epoll_event& event) { return event.data.u64 == kCommandsTag; });
  channel_.awake(commands_signalled);
  // First, so that a keypair is there before the packets under it.
  take_commands(now);
  // Before the TUN: when a flow moves to this loop's queue, its earlier packets wait here.
  if (port_) take_handed_over(now);

  for (const epoll_event& event : ready) {
    const bool failed = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    if (event.data.u64 == kCommandsTag) continue;
    if (event.data.u64 == kTunTag) {
      read_tun(failed, now);
      continue;
    }
    // Looked up and not remembered: a command of this very turn may have removed it.
    const Base* base = find_base(net::BaseId{static_cast<std::uint32_t>(event.data.u64)});
    if (base && base->polled) receive_from(base->id, failed, now);
  }

  try_bases_again(now.steady);
  if (const auto due = forwarder_.next_timeout(); due && *due <= now.steady) forwarder_.on_timeout(now);
  forwarder_.flush(now);
  if (port_) port_->wake_receivers();
}

std::size_t DataLoop::take_commands(Now now) {
  return channel_.take_commands(kOperationsPerTurn,
                                [&](Command&& command) { obey(std::move(command), now); });
}

void DataLoop::take_handed_over(Now now) {
  port_->take(kOperationsPerTurn, [&](const HandoverLabel& label, MutableByteView bytes) {
    take_commands(now);  // as in receive_from()
    if (label.kind == HandoverLabel::Kind::frame) {
      forwarder_.on_foreign_frame(label.header, bytes, now);
    } else {
      ReceivedBatch batch = label.origin;
      batch.bytes = bytes;
      forwarder_.on_received(batch, now);
    }
  });
}

int DataLoop::milliseconds_to_sleep(SteadyTime now) const {
  std::optional<SteadyTime> due = forwarder_.next_timeout();
  for (const Base& base : bases_) {
    if (!base.polled && (!due || base.try_again_at < *due)) due = base.try_again_at;
  }
  if (!due) return -1;
  if (*due <= now) return 0;
  // Rounded up: a wake-up just before the time would find nothing to do and come back at once.
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(*due - now).count();
  return static_cast<int>(std::min<std::int64_t>(whole, 60'000));
}

void DataLoop::read_tun(bool failed, Now now) {
  // "more" needs no memory: epoll reports the rest at the next turn, after the sockets have had theirs.
  if (!failed && forwarder_.on_tun_readable(now) != Forwarder::TunState::closed) return;
  poll_no_more(tun_.descriptor());
  log::error("tun", "the virtual NIC {} has been deleted", tun_.name());
  tun_gone_.store(true, std::memory_order_release);
  channel_.wake_control();
}

void DataLoop::obey(Command&& command, Now now) {
  if (const auto* removed = std::get_if<RemoveBase>(&command)) {
    // The forwarder first: it may still hold sealed datagrams for this base.
    const net::BaseId id = removed->base;
    forwarder_.apply(std::move(command), now);
    remove_base(id);
    return;
  }
  if (const auto* added = std::get_if<AddBase>(&command)) add_base(*added);
  forwarder_.apply(std::move(command), now);
}

void DataLoop::add_base(const AddBase& command) {
  remove_base(command.base);
  auto carrier = std::dynamic_pointer_cast<PollableCarrier>(command.carrier);
  if (!carrier) return;  // its datagrams come by another way
  if (!poll(carrier->descriptor(), tag_of(command.base))) {
    log::error("udp", "cannot wait for a base's datagrams: {}", std::generic_category().message(errno));
    return;
  }
  bases_.push_back({command.base, std::move(carrier)});
}

DataLoop::Base* DataLoop::find_base(net::BaseId id) {
  const auto base =
      std::find_if(bases_.begin(), bases_.end(), [id](const Base& candidate) { return candidate.id == id; });
  return base == bases_.end() ? nullptr : &*base;
}

void DataLoop::remove_base(net::BaseId id) {
  const Base* base = find_base(id);
  if (!base) return;
  // Explicitly: the control thread may hold the socket open, and epoll would go on reporting it.
  if (base->polled) poll_no_more(base->carrier->descriptor());
  bases_.erase(bases_.begin() + (base - bases_.data()));
}

void DataLoop::receive_from(net::BaseId id, bool failed, Now now) {
  const MutableByteView buffer(receive_buffer_.get(), kReceiveBytes);
  const std::shared_ptr<PollableCarrier> carrier = find_base(id)->carrier;
  bool received_any = false;
  // What a carrier has read is taken as well, which one read brings no more of than this.
  const auto may_go_on = [&](int operation) {
    return operation < kOperationsPerTurn || (operation < 2 * kOperationsPerTurn && carrier->has_more());
  };
  for (int operation = 0; may_go_on(operation); ++operation) {
    ReceivedBatch batch;
    const ReceiveStatus status = carrier->receive(buffer, batch);
    if (status == ReceiveStatus::empty) break;
    if (status == ReceiveStatus::error) {
      failed = true;
      break;
    }
    received_any = true;
    // Between the start of this turn and this datagram the keypair that it was sealed with may have been
    // installed. And a command may have taken the base away.
    if (take_commands(now) > 0 && !find_base(id)) return;
    forwarder_.on_received(batch, now);
  }
  Base& base = *find_base(id);
  if (received_any) base.errors_in_a_row = 0;
  if (!received_any && failed && ++base.errors_in_a_row >= kErrorsUntilSetAside) set_aside(base, now.steady);
}

void DataLoop::set_aside(Base& base, SteadyTime now) {
  if (base.errors_in_a_row == kErrorsUntilSetAside) {
    log::warning("udp", "base {} reports errors only; looking again every second",
                 static_cast<unsigned>(base.id));
  }
  poll_no_more(base.carrier->descriptor());
  base.polled = false;
  base.try_again_at = now + kSetAsideFor;
}

void DataLoop::try_bases_again(SteadyTime now) {
  for (Base& base : bases_) {
    if (base.polled || now < base.try_again_at) continue;
    base.polled = poll(base.carrier->descriptor(), tag_of(base.id));
    base.try_again_at = now + kSetAsideFor;
  }
}

bool DataLoop::poll(int descriptor, std::uint64_t tag) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void DataLoop::poll_no_more(int descriptor) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr); }

}  // namespace causeway::dataplane
