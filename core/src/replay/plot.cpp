// The picture of a replay: a panel for each peer, the cost of each path over time, and below it a bar for
// each algorithm in the colours of what it had chosen.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "replay/curves.hpp"

namespace causeway::replay {
namespace {

constexpr double kWidth = 1000, kLeft = 130, kRight = 20, kPlot = 260, kBar = 14, kGap = 6, kLine = 16;
constexpr std::array kColours{"#1f77b4", "#d62728", "#2ca02c", "#ff7f0e",
                              "#9467bd", "#8c564b", "#17becf", "#e377c2"};
constexpr const char* kNoPath = "#dddddd";

const char* colour(std::size_t path) { return kColours[path % kColours.size()]; }

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else if (static_cast<unsigned char>(c) >= ' ')
      out += c;
  }
  return out;
}

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

/// 1, 2 or 5 times a power of ten: `most` of them at most up to `range`.
double tick(double range, double most) {
  double step = std::pow(10, std::floor(std::log10(std::max(range / most, 1e-9))));
  while (range / step > most) {
    step *= range / (step * 2) <= most ? 2 : range / (step * 5) <= most ? 5 : 10;
  }
  return step;
}

class Panel {
 public:
  Panel(const Curves::Peer& peer, const std::vector<std::string>& algorithms, double top)
      : peer_(peer), algorithms_(algorithms), top_(top + kLine + kGap) {
    span_ = std::max(1.0, seconds(peer.until - peer.from));
    for (const Curve& curve : peer.costs)
      for (const Curve::Point& point : curve.points())
        highest_ = std::max(highest_, point.value);
    highest_ = std::min(highest_ * 1.05, kNoDataCost);
  }

  double draw(std::string& out) const {
    out += text(kLeft, top_ - kGap, 14, "start", peer_.name);
    axes(out);
    for (std::size_t i = 0; i < peer_.costs.size(); ++i)
      curve(out, peer_.costs[i], colour(i));
    double y = top_ + kPlot + kLine + kGap;
    for (std::size_t i = 0; i < algorithms_.size(); ++i, y += kBar + kGap)
      bar(out, i, y);
    for (std::size_t i = 0; i < peer_.paths.size(); ++i, y += kLine) {
      out += fmt::format("<rect x=\"{:.0f}\" y=\"{:.0f}\" width=\"10\" height=\"10\" fill=\"{}\"/>\n", kLeft,
                         y, colour(i));
      out += text(kLeft + 16, y + 10, 12, "start", peer_.paths[i]);
    }
    return y + kLine;
  }

 private:
  static std::string text(double x, double y, int size, const char* anchor, std::string_view what) {
    return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{}\" text-anchor=\"{}\">{}</text>\n", x,
                       y, size, anchor, escaped(what));
  }
  double x(SteadyTime at) const {
    return kLeft + (kWidth - kLeft - kRight) * seconds(at - peer_.from) / span_;
  }
  double y(double cost) const { return top_ + kPlot * (1 - std::clamp(cost / highest_, 0.0, 1.0)); }

  void axes(std::string& out) const {
    out += fmt::format(
        "<rect x=\"{}\" y=\"{:.0f}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#888\"/>\n", kLeft,
        top_, kWidth - kLeft - kRight, kPlot);
    const double up = tick(highest_, 6);
    for (double cost = 0; cost <= highest_; cost += up) {
      out += fmt::format("<path d=\"M{} {:.1f}H{}\" stroke=\"#eee\"/>\n", kLeft, y(cost), kWidth - kRight);
      out += text(kLeft - 6, y(cost) + 4, 11, "end", fmt::format("{:g}", cost));
    }
    const double right = tick(span_, 12);
    for (double at = 0; at <= span_; at += right)
      out += text(kLeft + (kWidth - kLeft - kRight) * at / span_, top_ + kPlot + kLine - 2, 11, "middle",
                  fmt::format("{:g} s", at));
    out += fmt::format(
        "<text x=\"14\" y=\"{0:.0f}\" font-size=\"11\" text-anchor=\"middle\" "
        "transform=\"rotate(-90 14 {0:.0f})\">cost, ms</text>\n",
        top_ + kPlot / 2);
  }

  void curve(std::string& out, const Curve& curve, const char* stroke) const {
    std::string path;
    bool is_down = false;
    for (const Curve::Point& point : curve.points()) {
      if (is_down) path += fmt::format("H{:.1f}", x(point.at));
      if (point.value < 0) {
        is_down = false;
        continue;
      }
      path += is_down ? fmt::format("V{:.1f}", y(point.value))
                      : fmt::format("M{:.1f} {:.1f}", x(point.at), y(point.value));
      is_down = true;
    }
    if (is_down) path += fmt::format("H{:.1f}", x(peer_.until));
    if (path.empty()) return;
    out += fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.2\"/>\n", path, stroke);
  }

  void bar(std::string& out, std::size_t algorithm, double at) const {
    const auto& points = peer_.chosen[algorithm].points();
    for (std::size_t i = 0; i < points.size(); ++i) {
      const double from = x(points[i].at);
      const double until = i + 1 < points.size() ? x(points[i + 1].at) : x(peer_.until);
      const char* fill = points[i].value < 0 ? kNoPath : colour(static_cast<std::size_t>(points[i].value));
      out += fmt::format("<rect x=\"{:.1f}\" y=\"{:.0f}\" width=\"{:.1f}\" height=\"{}\" fill=\"{}\"/>\n",
                         from, at, std::max(0.0, until - from), kBar, fill);
    }
    out += text(kLeft - 6, at + kBar - 3, 11, "end", algorithms_[algorithm].substr(0, 18));
  }

  const Curves::Peer& peer_;
  const std::vector<std::string>& algorithms_;
  double top_;
  double span_ = 1;
  double highest_ = 1;
};

}  // namespace

std::string draw(const Curves& curves, const std::string& title) {
  std::string body;
  double y = kLine + kGap;
  for (const Curves::Peer& peer : curves.peers())
    y = Panel(peer, curves.algorithms(), y).draw(body) + kGap;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
      "height=\"{1:.0f}\" font-family=\"sans-serif\">\n<rect width=\"100%\" height=\"100%\" "
      "fill=\"white\"/>\n"
      "<text x=\"{2}\" y=\"{3}\" font-size=\"15\">{4}</text>\n",
      kWidth, y + kGap, kLeft, kLine, escaped(title));
  out += body;
  if (curves.left_out() > 0) out += "<!-- more peers or paths than a picture shows were left out -->\n";
  out += "</svg>\n";
  return out;
}

}  // namespace causeway::replay
