#include "dataplane/loop_steering.hpp"

#include <linux/filter.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "session/index_allocator.hpp"
#include "session/keypair.hpp"

namespace causeway::dataplane {
namespace {

// Missing in older headers; the value is kernel ABI.
constexpr int kAttachReusePortCbpf = 51;

constexpr std::uint32_t kFirstCompactByte = 0x80;
constexpr std::uint32_t kCompactHeaderBytes = 8;
constexpr std::uint32_t kDataType = 0x04000000;  // type 4 and three zero bytes, as a big-endian word
constexpr std::uint32_t kLowestByteOfDataIndex = 4;
constexpr std::uint32_t kLowestByteOfCompactIndex = 1;

}  // namespace

Result<void> steer_by_receiver_index(int descriptor, unsigned loops) {
  // Offsets count from the UDP payload. A load behind its end ends the program with 0, which is right here.
  const auto load_byte = [](std::uint32_t at) { return sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at); };
  const auto jump = [](int kind, std::uint32_t value, std::uint8_t if_true, std::uint8_t if_false) {
    return sock_filter{static_cast<std::uint16_t>(BPF_JMP | kind | BPF_K), if_true, if_false, value};
  };
  std::array program{
      load_byte(0),
      jump(BPF_JGE, kFirstCompactByte, 0, 4),
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
      jump(BPF_JGE, kCompactHeaderBytes, 0, 9),
      load_byte(kLowestByteOfCompactIndex),
      sock_filter BPF_STMT(BPF_JMP | BPF_JA, 5),
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      jump(BPF_JEQ, kDataType, 0, 5),
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
      jump(BPF_JGE, session::kDataOverheadBytes, 0, 3),
      load_byte(kLowestByteOfDataIndex),
      sock_filter BPF_STMT(BPF_ALU | BPF_AND | BPF_K, session::loop_mask(loops)),
      jump(BPF_JGE, loops, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
      sock_filter BPF_STMT(BPF_RET | BPF_A, 0),
  };
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (setsockopt(descriptor, SOL_SOCKET, kAttachReusePortCbpf, &filter, sizeof filter) != 0) {
    return Error{"the kernel refuses the filter that steers datagrams to data loops: " +
                 std::generic_category().message(errno)};
  }
  return {};
}

}  // namespace causeway::dataplane
