#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <utility>

namespace causeway {

/// A failure told to a person: what went wrong and what to do about it, one line, no trailing full stop.
struct Error {
  std::string message;
};

/// A value or the reason there is none, for failures that are normal. `r.value()` on a failure throws
/// std::runtime_error; ask `if (r)` first.
template <class T, class E = Error>
using Result = boost::system::result<T, E>;

[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

}  // namespace causeway
