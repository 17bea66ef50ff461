#include "dataplane/demultiplex.hpp"

#include "input.hpp"
#include "session/wire.hpp"
#include "stun/message.hpp"

// Classes are disjoint: what a parser takes is found in the class that is handed to it.
CAUSEWAY_FUZZ_TARGET(demultiplex) {
  using dataplane::DatagramClass;
  const ByteView datagram = input.rest();
  const DatagramClass kind = dataplane::classify(datagram);
  if (const auto type = session::wire::type_of(datagram)) {
    const bool is_data = *type == session::wire::MessageType::data;
    require(kind == (is_data ? DatagramClass::data : DatagramClass::handshake),
            "a message outside its class");
  } else if (stun::peek_header(datagram) && datagram[1] != 0) {
    // Methods 0x100 to 0x400 with an empty message look like ours first; nobody has assigned them.
    require(kind == DatagramClass::stun, "STUN outside its class");
  }
}
