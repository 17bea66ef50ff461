#pragma once

#include <agent.h>

#include <string>
#include <utility>
#include <vector>

#include "event_loop.hpp"
#include "ice/agent.hpp"

namespace causeway::interop {

/// libnice's NiceAgent with one stream of one component, in an EventLoop; UDP only, no UPnP.
class NiceSide {
 public:
  NiceSide(EventLoop& loop, bool controlling, unsigned options, const std::vector<std::string>& addresses);
  ~NiceSide();
  NiceSide(const NiceSide&) = delete;
  NiceSide& operator=(const NiceSide&) = delete;

  /// Gathering ends at once: host candidates need nobody's answer.
  bool has_gathered() const { return has_gathered_; }
  ice::Credentials credentials() const;
  std::vector<ice::Candidate> candidates() const;
  std::uint64_t tiebreaker() const;

  void set_remote_credentials(const ice::Credentials& remote);
  void add_remote_candidate(const ice::Candidate& candidate);
  void end_of_candidates();
  void restart();
  /// From here on it answers our checks with 403.
  void revoke_consent();

  NiceComponentState state() const { return nice_agent_get_component_state(agent_, stream_, 1); }
  /// (its own, ours); empty texts before there is one.
  std::pair<std::string, std::string> selected() const;
  bool send(const std::string& text);

  std::vector<std::string> received;

 private:
  NiceAgent* agent_;
  guint stream_;
  bool has_gathered_ = false;
};

}  // namespace causeway::interop
