#pragma once

#include <cstdint>
#include <istream>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "protocol/line_reader.hpp"
#include "replay/trace.hpp"

namespace causeway::replay {

/// Reads a trace line by line, whoever wrote it. Every error names the line and the member. Nothing above
/// these limits is built.
class TraceReader {
 public:
  static constexpr std::size_t kMaxLineBytes = 256 * 1024;
  static constexpr std::size_t kMaxLayerBytes = 2 * 1024 * 1024;
  static constexpr std::size_t kMaxLayers = 16;
  static constexpr std::size_t kMaxPairs = 128;  ///< in one step
  static constexpr std::size_t kMaxPeers = 1000;
  static constexpr std::uint64_t kMaxBytes = 1024ull * 1024 * 1024;

  /// Reads header and layers.
  static Result<TraceReader> open(std::unique_ptr<std::istream> stream);

  const Header& header() const { return header_; }
  /// nullopt: the end. After an error it is of no use any more.
  Result<std::optional<Step>> next();
  std::uint64_t line() const { return line_; }
  /// The last line had no end, and was left out: the recording was cut off.
  bool is_cut_off() const { return is_cut_off_; }

 private:
  struct Known {
    path::PathView view;
    std::string interface;
  };
  using KnownPairs = std::map<std::uint32_t, Known>;

  explicit TraceReader(std::unique_ptr<std::istream> stream);
  Result<void> read_head();
  Result<std::optional<std::string>> next_line();
  Error at_line(const Error& error) const;

  std::unique_ptr<std::istream> stream_;
  protocol::LineReader lines_{kMaxLayerBytes};
  std::uint64_t bytes_ = 0;
  std::uint64_t line_ = 0;
  bool is_cut_off_ = false;
  std::optional<SteadyTime> first_at_;
  SteadyTime newest_at_{};
  Header header_;
  std::map<std::string, KnownPairs> known_;  ///< by peer: the pairs of its newest list
};

}  // namespace causeway::replay
