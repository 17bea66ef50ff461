#include "turn_client.hpp"

#include <algorithm>
#include <utility>

#include "turn_times.hpp"

// Transactions: request, repetition, response, new nonce. What they are for is in turn_allocation.cpp and
// turn_peers.cpp.
namespace transport_turn {

std::string_view to_text(Failure failure) {
  switch (failure) {
    case Failure::silent:
      return "no answer";
    case Failure::closed:
      return "connection ended";
    case Failure::refused:
      return "credentials refused";
    case Failure::forbidden:
      return "forbidden";
    case Failure::quota:
      return "allocation quota reached";
    case Failure::capacity:
      return "no capacity";
    case Failure::mismatch:
      return "allocation mismatch";
    case Failure::redirected:
      return "sent to another server";
    case Failure::not_supported:
      return "not supported";
    case Failure::misbehaved:
      return "the server breaks the protocol";
    case Failure::gone:
      return "the allocation is gone";
    case Failure::released:
      return "released";
  }
  return "";
}

TurnClient::TurnClient(Settings settings, RandomFill random)
    : settings_(std::move(settings)), random_(std::move(random)) {}

void TurnClient::start(std::int64_t now) {
  if (state_ != State::idle) return;
  state_ = State::allocating;
  allocate(now);
}

TurnClient::Output TurnClient::take() {
  if (routes_changed_ && state_ != State::ended) publish_routes();
  return std::exchange(output_, {});
}

void TurnClient::begin(Request request, unsigned renewals, std::int64_t now) {
  random_(request.id.data(), request.id.size());
  Transaction transaction;
  transaction.request = request;
  transaction.is_authenticated = authentication_.has_value();
  transaction.bytes = encode(request, authentication_ ? &*authentication_ : nullptr);
  transaction.renewals = renewals;
  transaction.due = now + (settings_.is_stream ? kStreamLimit : kRto);
  output_.messages.push_back(transaction.bytes);
  transactions_.push_back(std::move(transaction));
}

void TurnClient::on_time(std::int64_t now) {
  if (state_ == State::idle || state_ == State::ended) return;
  std::vector<Transaction> silent;
  for (Transaction& transaction : transactions_) {
    if (transaction.due > now) continue;
    if (settings_.is_stream || transaction.sent == kRc) {
      silent.push_back(transaction);
      continue;
    }
    ++transaction.sent;
    transaction.due = now + (transaction.sent == kRc ? kRm * kRto : kRto << (transaction.sent - 1));
    output_.messages.push_back(transaction.bytes);
  }
  std::erase_if(transactions_, [&](const Transaction& transaction) { return transaction.due <= now; });
  for (const Transaction& transaction : silent) {
    if (state_ == State::ended) return;
    on_silence(transaction, now);
  }
  if (state_ == State::releasing && now >= release_until_) return end(Failure::released, "not answered");
  if ((state_ == State::allocated || state_ == State::expiring) && now >= expires_at_)
    return end(Failure::gone, "the allocation ran out");
  if (state_ == State::allocated && now >= next_refresh_) refresh(kLifetimeSeconds, now);
  step_peers(now);
}

void TurnClient::on_silence(const Transaction& transaction, std::int64_t now) {
  switch (transaction.request.method) {
    case Method::allocate:
      return end(Failure::silent, "the server does not answer");
    case Method::refresh:
      if (state_ == State::releasing) return end(Failure::released, "not answered");
      return end(Failure::silent, "the server does not answer any more");
    case Method::create_permission:
    case Method::channel_bind:
      return on_peer_response(transaction.request, nullptr, now);
  }
}

void TurnClient::on_message(ByteView bytes, std::int64_t now) {
  if (state_ == State::idle || state_ == State::ended) return;
  const auto response = parse_response(bytes);
  if (!response) {
    ++counters_.malformed;
    return;
  }
  const auto found =
      std::find_if(transactions_.begin(), transactions_.end(), [&](const Transaction& transaction) {
        return transaction.request.id == response->id && transaction.request.method == response->method;
      });
  if (found == transactions_.end()) {
    ++counters_.unmatched;
    return;
  }
  // RFC 8489 §9.2.5: a success must be authentic; an error may be told without (401 and 438 always are), but
  // if it claims to be authentic it must be so. Otherwise it is as if it had never come.
  const bool is_sealed = response->integrity_at != 0;
  if (found->is_authenticated && (is_sealed || response->error == 0) &&
      !has_right_integrity(bytes, response->integrity_at, authentication_->key)) {
    ++counters_.bad_integrity;
    return;
  }
  was_answered_ = true;
  Transaction transaction = std::move(*found);
  transactions_.erase(found);
  on_response(std::move(transaction), *response, now);
  if (state_ != State::ended) step_peers(now);
}

void TurnClient::on_response(Transaction transaction, const Response& response, std::int64_t now) {
  const bool wants_first_credentials =
      response.error == error_code::kUnauthenticated && !transaction.is_authenticated;
  if (wants_first_credentials || response.error == error_code::kStaleNonce) {
    if (renew(transaction, response, now)) return;
    if (state_ == State::ended) return;
  }
  switch (transaction.request.method) {
    case Method::allocate:
      return response.error == 0 ? on_allocate(response, now) : on_allocate_error(response);
    case Method::refresh:
      return on_refresh(response, now);
    case Method::create_permission:
    case Method::channel_bind:
      return on_peer_response(transaction.request, &response, now);
  }
}

/// Repeats the request with the realm and nonce just told. False: that leads nowhere.
bool TurnClient::renew(Transaction& transaction, const Response& response, std::int64_t now) {
  const Credentials& own = settings_.credentials;
  if (response.nonce.empty() || transaction.renewals == kMaxRenewals) {
    end(Failure::misbehaved,
        response.nonce.empty() ? "it wants a nonce and gives none" : "it calls every nonce stale");
    return false;
  }
  if (!authentication_) {
    if (own.username.empty() || response.realm.empty()) {
      end(own.username.empty() ? Failure::refused : Failure::misbehaved,
          own.username.empty() ? "it wants a user name and a password, and none are configured"
                               : "it wants credentials for no realm");
      return false;
    }
    authentication_ = Authentication{own.username, response.realm, {}, {}};
    authentication_->key = long_term_key(own.username, response.realm, own.password);
  } else if (state_ == State::allocating && !response.realm.empty() &&
             response.realm != authentication_->realm) {
    // Another realm before there is an allocation is a server that was set up anew between two packets. With
    // an allocation the realm stays: one that the server no longer takes is replaced as a whole.
    authentication_->realm = response.realm;
    authentication_->key = long_term_key(own.username, response.realm, own.password);
  }
  authentication_->nonce = response.nonce;
  ++counters_.renewals;
  begin(transaction.request, transaction.renewals + 1, now);
  return true;
}

void TurnClient::end(Failure failure, std::string reason, std::optional<cw_address> alternate) {
  state_ = State::ended;
  transactions_.clear();
  output_.ended = Ended{failure, std::move(reason), alternate};
}

std::optional<std::int64_t> TurnClient::next_time() const {
  if (state_ == State::idle || state_ == State::ended) return std::nullopt;
  std::optional<std::int64_t> next;
  const auto consider = [&](std::int64_t time) { next = std::min(next.value_or(time), time); };
  for (const Transaction& transaction : transactions_)
    consider(transaction.due);
  if (state_ == State::releasing) consider(release_until_);
  if (state_ == State::allocated || state_ == State::expiring) {
    consider(expires_at_);
    if (state_ == State::allocated) consider(next_refresh_);
    if (const auto peers = next_peer_time()) consider(*peers);
  }
  return next;
}

}  // namespace transport_turn
