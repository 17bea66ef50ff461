#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace priority_history {

/// What may be configured; README.md says what each does. All are plain numbers.
struct Parameters {
  double jitter_weight = 0.5;            ///< ms per ms
  double loss_ms = 10;                   ///< ms per per cent of lost probes
  double disconnect_ms = 1.29;           ///< ms per disconnect in an hour
  double live_round_trips = 8;           ///< measurements
  double history_round_trips = 1;        ///< measurements
  double history_losses = 9.09;          ///< probes
  double memory_s = 90;                  ///< s
  double rtt_memory_s = 36.4;            ///< s
  double usual_loss = 0.0375;            ///< per cent
  double usual_loss_probes = 48.5;       ///< probes
  double history_half_life_hours = 192;  ///< h
  double hint_ms = 10;                   ///< ms
  double order_ms = 4;                   ///< ms
  double unknown_ms = 400;               ///< ms
  double scale_ms = 12.5;                ///< ms
  friend bool operator==(const Parameters&, const Parameters&) = default;
};

struct ParameterRule {
  std::string_view name;
  double Parameters::*member;
  double least, most;
};
inline constexpr std::array kParameterRules{
    ParameterRule{"jitter_weight", &Parameters::jitter_weight, 0, 20},
    ParameterRule{"loss_ms", &Parameters::loss_ms, 0, 200},
    ParameterRule{"disconnect_ms", &Parameters::disconnect_ms, 0, 1000},
    ParameterRule{"live_round_trips", &Parameters::live_round_trips, 1, 1000},
    ParameterRule{"history_round_trips", &Parameters::history_round_trips, 0, 1000},
    ParameterRule{"history_losses", &Parameters::history_losses, 0, 10'000},
    ParameterRule{"memory_s", &Parameters::memory_s, 0.1, 100'000},
    ParameterRule{"rtt_memory_s", &Parameters::rtt_memory_s, 0.1, 100'000},
    ParameterRule{"usual_loss", &Parameters::usual_loss, 0, 100},
    ParameterRule{"usual_loss_probes", &Parameters::usual_loss_probes, 0, 1000},
    ParameterRule{"history_half_life_hours", &Parameters::history_half_life_hours, 0.01, 100'000},
    ParameterRule{"hint_ms", &Parameters::hint_ms, 0, 1000},
    ParameterRule{"order_ms", &Parameters::order_ms, 0, 1000},
    ParameterRule{"unknown_ms", &Parameters::unknown_ms, 1, 4000},
    ParameterRule{"scale_ms", &Parameters::scale_ms, 0.1, 1000},
};

struct ParsedParameters {
  Parameters parameters;
  std::vector<std::string> complaints;  ///< what was left out or bounded, for people
};
/// An empty text means the defaults.
ParsedParameters parse_parameters(std::string_view json);

}  // namespace priority_history
