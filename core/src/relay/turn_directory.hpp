#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "plugin/host.hpp"
#include "protocol/messages.hpp"

namespace boost::asio {
class io_context;
}

namespace causeway::relay {

/// The TURN servers there are, with their names resolved: bounded, tried again while they fail (2 s, doubled
/// up to 5 minutes), and looked up anew every 10 minutes. Addresses that were found stay until others are.
/// Control thread.
class TurnDirectory {
 public:
  static constexpr std::size_t kMaxServers = 32;
  static constexpr std::size_t kMaxAddresses = 8;  ///< of one name

  /// `changed` gets the servers that have an address, whenever they or their credentials are others. Never
  /// called from inside a call of this class's, nor after its end.
  TurnDirectory(boost::asio::io_context& context,
                std::function<void(std::vector<plugin::TurnServer>)> changed);
  ~TurnDirectory();
  TurnDirectory(const TurnDirectory&) = delete;
  TurnDirectory& operator=(const TurnDirectory&) = delete;

  /// All of them, the more important first. One whose URI is none is left out and logged.
  void set(std::vector<protocol::TurnServer> servers);
  /// The network is another: names that could not be resolved are tried at once.
  void try_again();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace causeway::relay
