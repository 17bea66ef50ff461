#pragma once

#include <map>
#include <string>
#include <vector>

#include "plugin/host.hpp"
#include "replay/trace.hpp"

namespace causeway::replay {

/// An algorithm under trial. It is asked about the steps of a trace in their order, and nothing else may
/// change what it answers.
class Scorer {
 public:
  virtual ~Scorer() = default;
  /// One score per path. `paths`: the warm pairs of the step, with what the replay has selected.
  virtual std::vector<path::Score> score(const Step& step, std::vector<path::PathView> paths) = 0;
};

/// The RFC 8445 formula in the core.
class BuiltinScorer final : public Scorer {
 public:
  std::vector<path::Score> score(const Step& step, std::vector<path::PathView> paths) override;
};

/// Whatever stack a host uses. The host is borrowed, its executor runs everything at once.
class HostScorer final : public Scorer {
 public:
  explicit HostScorer(plugin::Host& host) : host_(host) {}
  std::vector<path::Score> score(const Step& step, std::vector<path::PathView> paths) override;

  /// Decisions that another stack made than the one asked first: a layer had failed.
  std::uint64_t by_others() const { return by_others_; }

 private:
  void tell_interfaces(const Step& step);

  plugin::Host& host_;
  std::map<net::BaseId, plugin::BaseView> bases_;
  std::string stack_;
  std::uint64_t by_others_ = 0;
};

}  // namespace causeway::replay
