#include "base/result.hpp"

#include <stdexcept>

namespace causeway {

void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::runtime_error(error.message);
}

}  // namespace causeway
