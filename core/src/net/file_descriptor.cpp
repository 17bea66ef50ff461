#include "net/file_descriptor.hpp"

#include <unistd.h>

namespace causeway::net {

void FileDescriptor::reset(int descriptor) {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = descriptor;
}

}  // namespace causeway::net
