#include "cli/src/run.hpp"

#include <unistd.h>

#include <ostream>

#include "cli/src/arguments.hpp"
#include "cli/src/client.hpp"
#include "cli/src/render.hpp"
#include "cli/src/table.hpp"

namespace causeway::cli {

int run(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  const auto parsed = parse_arguments(argc, argv);
  if (const auto* answered = std::get_if<Answered>(&parsed)) {
    (answered->exit_code == 0 ? out : err) << answered->text;
    return answered->exit_code;
  }
  if (const auto* local = std::get_if<Local>(&parsed)) return local->run(out, err);
  const auto& wanted = std::get<Invocation>(parsed);
  const auto on_progress = [&](const nlohmann::json& step) {
    if (wanted.as_json) return;
    if (wanted.method == "netcheck") {
      if (::isatty(STDOUT_FILENO)) out << render_netcheck_step(step) << std::flush;
      return;
    }
    out << (wanted.method == "ping" ? render_ping_step(step) : render_values(step)) << std::flush;
  };
  const auto result =
      call_daemon(wanted.directory, wanted.method, wanted.params, wanted.timeout, on_progress);
  if (!result) {
    err << "error: " << printable(result.error().message) << "\n";
    return 1;
  }
  out << (wanted.as_json ? result->dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"
                         : render(wanted.method, *result));
  if (wanted.method == "ping" && result->is_object() && result->value("received", 1) == 0) {
    err << "error: the peer did not answer: see `causeway explain PEER`\n";
    return 1;
  }
  return 0;
}

}  // namespace causeway::cli
