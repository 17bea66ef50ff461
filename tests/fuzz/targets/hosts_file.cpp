#include "daemon/hosts_file.hpp"

#include "input.hpp"

// Names that a hostile server chose, in a hosts file that anybody wrote: our block holds no line of theirs,
// and without names the file is what it was without us.
CAUSEWAY_FUZZ_TARGET(hosts_file) {
  std::vector<daemon::HostName> names;
  for (std::size_t i = input.below(4); i > 0; --i) {
    names.push_back({net::IpAddress::v4(input.u32()), std::string(as_text(input.take(input.below(40))))});
  }
  const ByteView rest = input.rest();
  const std::string_view text = as_text(rest);
  const std::string clean = daemon::replace_hosts_block(text, "/state", {});
  const std::string once = daemon::replace_hosts_block(clean, "/state", names);
  require(daemon::replace_hosts_block(once, "/state", names) == once, "writing twice is not writing once");
  require(daemon::replace_hosts_block(once, "/state", {}) == clean || clean.empty() || clean.back() != '\n',
          "what others wrote changed");
  if (text.find("causeway") != std::string_view::npos) return;
  const auto lines = [](std::string_view all) {
    return static_cast<std::size_t>(std::count(all.begin(), all.end(), '\n'));
  };
  require(lines(once) <= lines(text) + names.size() + 4, "a name became a line of its own");
}
