#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "net/endpoint.hpp"

namespace causeway::sim {

/// What happened, newest last, as a sequence diagram in Mermaid's language. Off unless switched on: texts are
/// made for a run that is known to fail. Bounded: the oldest lines go.
class Narration {
 public:
  static constexpr std::size_t kMostLines = 1500;

  explicit Narration(const SteadyTime& now) : now_(now) {}

  void switch_on() { is_on_ = true; }
  bool is_on() const { return is_on_; }

  void delivered(std::string_view from, std::string_view to, const net::Endpoint& source,
                 const net::Endpoint& destination, const Bytes& datagram);
  void dropped(std::string_view from, const net::Endpoint& destination, const Bytes& datagram,
               std::string_view why);
  /// A line of a TCP connection.
  void line(std::string_view from, std::string_view to, std::string_view text);
  /// Something that happened to, or was decided by, one participant.
  void note(std::string_view over, std::string_view text);

  /// `comments` stand above the diagram.
  std::string to_mermaid(const std::vector<std::string>& comments) const;

 private:
  void add(std::string text);

  const SteadyTime& now_;
  bool is_on_ = false;
  std::deque<std::string> lines_;
  std::size_t forgotten_ = 0;
};

}  // namespace causeway::sim
