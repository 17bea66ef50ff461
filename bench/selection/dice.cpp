#include "selection/dice.hpp"

#include <cmath>
#include <numbers>

namespace causeway::selection {
namespace {

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;

std::uint64_t scramble(std::uint64_t z) {
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
  return z ^ z >> 31;
}

}  // namespace

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  return scramble(scramble(a + kGolden) ^ (b * kGolden));
}

double unit_of(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

Dice Dice::fork(std::uint64_t part) const { return Dice(mix(state_, part)); }

std::uint64_t Dice::next() { return scramble(state_ += kGolden); }

double Dice::unit() { return unit_of(next()); }

double Dice::log_between(double low, double high) { return low * std::pow(high / low, unit()); }

int Dice::whole(int low, int high) {
  return low + static_cast<int>(next() % static_cast<std::uint64_t>(high - low + 1));
}

double Dice::exponential(double mean) { return -mean * std::log(1 - unit()); }

double Dice::normal() {
  const double radius = std::sqrt(-2 * std::log(1 - unit()));
  return radius * std::cos(2 * std::numbers::pi * unit());
}

}  // namespace causeway::selection
