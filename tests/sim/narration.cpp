#include "tests/sim/narration.hpp"

#include <fmt/format.h>

#include "dataplane/demultiplex.hpp"
#include "stun/message.hpp"

namespace causeway::sim {
namespace {

constexpr std::size_t kMostLineCharacters = 160;

std::string describe(const Bytes& datagram) {
  using dataplane::DatagramClass;
  switch (dataplane::classify(datagram)) {
    case DatagramClass::stun: {
      const auto header = stun::peek_header(datagram);
      if (!header) return "STUN, malformed";
      switch (header->message_class) {
        case stun::MessageClass::request: {
          const auto username = stun::peek_username(datagram);
          return username ? fmt::format("check for {:.4}", *username) : std::string("STUN request");
        }
        case stun::MessageClass::success_response:
          return "STUN success";
        case stun::MessageClass::error_response:
          return "STUN error";
        case stun::MessageClass::indication:
          break;
      }
      return "STUN indication";
    }
    case DatagramClass::handshake:
      return datagram[0] == 1 ? "initiation" : datagram[0] == 2 ? "response" : "cookie reply";
    case DatagramClass::data:
    case DatagramClass::compact:
      return fmt::format("data {} B", datagram.size());
    case DatagramClass::channel_data:
    case DatagramClass::unknown:
      break;
  }
  return fmt::format("{} B", datagram.size());
}

/// Mermaid ends a statement at ; and takes # for an entity.
std::string harmless(std::string_view text) {
  std::string copy(text.substr(0, kMostLineCharacters));
  for (char& c : copy) {
    if (c == ';' || c == '#' || c == '\n') c = ',';
  }
  return copy;
}

}  // namespace

void Narration::add(std::string text) {
  if (lines_.size() >= kMostLines) {
    lines_.pop_front();
    ++forgotten_;
  }
  const double seconds = to_milliseconds(now_.time_since_epoch() - std::chrono::hours(1)) / 1000;
  const std::size_t colon = text.find(": ");
  lines_.push_back(text.insert(colon + 2, fmt::format("[{:.3f}] ", seconds)));
}

void Narration::delivered(std::string_view from, std::string_view to, const net::Endpoint& source,
                          const net::Endpoint& destination, const Bytes& datagram) {
  if (!is_on_) return;
  add(fmt::format("{}->>{}: {} ({} to {})", from, to, describe(datagram), source.to_string(),
                  destination.to_string()));
}

void Narration::dropped(std::string_view from, const net::Endpoint& destination, const Bytes& datagram,
                        std::string_view why) {
  if (!is_on_) return;
  add(fmt::format("{}--x{}: {} to {}, {}", from, from, describe(datagram), destination.to_string(), why));
}

void Narration::line(std::string_view from, std::string_view to, std::string_view text) {
  if (!is_on_) return;
  add(fmt::format("{}-){}: {}", from, to, harmless(text)));
}

void Narration::note(std::string_view over, std::string_view text) {
  if (!is_on_) return;
  add(fmt::format("Note over {}: {}", over, harmless(text)));
}

std::string Narration::to_mermaid(const std::vector<std::string>& comments) const {
  std::string text = "sequenceDiagram\n";
  for (const std::string& comment : comments)
    text += "%% " + comment + '\n';
  if (forgotten_ > 0) text += fmt::format("%% {} older lines are left out\n", forgotten_);
  for (const std::string& line : lines_)
    text += "  " + line + '\n';
  return text;
}

}  // namespace causeway::sim
