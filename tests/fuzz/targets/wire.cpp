#include "session/wire.hpp"

#include "input.hpp"

// Each message that is read is written the same, but for its macs.
CAUSEWAY_FUZZ_TARGET(wire) {
  namespace wire = session::wire;
  const ByteView message = input.rest();
  const auto same = [&](const Bytes& written, std::size_t macs) {
    return written.size() == message.size() &&
           std::equal(written.begin(), written.end() - static_cast<std::ptrdiff_t>(macs), message.begin());
  };
  const auto type = wire::type_of(message);
  const auto initiation = wire::parse_initiation(message);
  const auto response = wire::parse_response(message);
  const auto cookie = wire::parse_cookie_reply(message);
  const auto data = wire::parse_data_header(message);
  require(int{initiation.has_value()} + response.has_value() + cookie.has_value() + data.has_value() ==
              (type ? 1 : 0),
          "a message is of one type, or of none");
  if (initiation) require(same(wire::encode(*initiation), 32), "initiation");
  if (response) require(same(wire::encode(*response), 32), "response");
  if (cookie) require(same(wire::encode(*cookie), 0), "cookie reply");
  if (initiation || response) {
    wire::sender_index(message);
    require(wire::mac_parts(message).mac2.size() == wire::kMacBytes, "mac2");
  }
}
