#pragma once

#include <atomic>
#include <memory>

#include "dataplane/pollable_carrier.hpp"
#include "relay/link_counters.hpp"

namespace causeway::relay {

/// What the data plane sees of a link: a base like any other. send() from any thread; received from by one
/// loop alone.
class LinkCarrier : public dataplane::PollableCarrier {
 public:
  /// As which base its datagrams are told. Changes when the link is allocated another address.
  void set_base(net::BaseId base) { base_.store(base, std::memory_order_relaxed); }
  net::BaseId base() const { return base_.load(std::memory_order_relaxed); }
  /// Peers' datagrams are dropped as long as the link has no address that they could have been sent to.
  void set_allocated(bool is_allocated) { is_allocated_.store(is_allocated, std::memory_order_relaxed); }
  bool is_allocated() const { return is_allocated_.load(std::memory_order_relaxed); }
  const LinkCounters& counters() const { return counters_; }

 protected:
  LinkCounters counters_;

 private:
  std::atomic<net::BaseId> base_{net::BaseId::none};
  std::atomic<bool> is_allocated_{false};
};

/// The same for loops that only send by it.
class SendOnlyCarrier final : public dataplane::Carrier {
 public:
  explicit SendOnlyCarrier(std::shared_ptr<Carrier> carrier) : carrier_(std::move(carrier)) {}
  dataplane::SendOutcome send(const net::Endpoint& to, const dataplane::SendBatch& batch) noexcept override {
    return carrier_->send(to, batch);
  }

 private:
  std::shared_ptr<Carrier> carrier_;
};

}  // namespace causeway::relay
