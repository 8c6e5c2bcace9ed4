// SPDX-License-Identifier: MIT
#include "lab/report_chart.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "lab/report_text.hpp"

namespace anabranch::lab {
namespace {

constexpr double kWidth = 1000;
constexpr double kLeft = 62;
constexpr double kRight = 986;
constexpr double kPlotHeight = 270;
constexpr double kMarkRow = 18;
constexpr double kMarkCharacter = 6.6;
/// More slices than this would be thinner than a pointer can hit.
constexpr std::size_t kMaxSlices = 240;
constexpr std::size_t kColours = 8;

double finite(double value) {
  return std::isfinite(value) ? std::max(0.0, value) : 0;
}

double value_at(const std::vector<Series::Point>& points, double at_s) {
  const auto after = std::ranges::lower_bound(points, at_s, {}, &Series::Point::at_s);
  if (after == points.end()) return 0;
  if (after->at_s == at_s) return finite(after->mbit);
  if (after == points.begin()) return 0;
  const auto before = after - 1;
  const double part = (at_s - before->at_s) / (after->at_s - before->at_s);
  return finite(before->mbit) + part * (finite(after->mbit) - finite(before->mbit));
}

std::size_t colour(std::size_t series) {
  return series % kColours + 1;
}

/// Maps seconds and Mbit/s to pixels.
struct Axes {
  double from_s = 0;
  double to_s = 1;
  double highest = 1;
  double top = 0;

  double bottom() const { return top + kPlotHeight; }
  double x(double at_s) const {
    return kLeft + (at_s - from_s) / (to_s - from_s) * (kRight - kLeft);
  }
  double y(double mbit) const { return bottom() - mbit / highest * kPlotHeight; }
};

struct PlacedMark {
  double x;
  std::size_t row;
  bool to_the_left;
  const Mark* mark;
};

/// Labels in as many rows as they need so that none covers another.
std::vector<PlacedMark> place_marks(const std::vector<Mark>& marks, const Axes& axes) {
  std::vector<const Mark*> sorted;
  for (const auto& mark : marks)
    if (std::isfinite(mark.at_s) && mark.at_s >= axes.from_s && mark.at_s <= axes.to_s)
      sorted.push_back(&mark);
  std::ranges::stable_sort(sorted, {}, &Mark::at_s);
  std::vector<PlacedMark> out;
  std::vector<double> row_end;
  for (const auto* mark : sorted) {
    const double x = axes.x(mark->at_s);
    const double width = kMarkCharacter * static_cast<double>(text_columns(mark->label)) + 14;
    const bool to_the_left = x + width > kWidth;
    const double start = to_the_left ? x - width : x;
    std::size_t row = 0;
    while (row < row_end.size() && row_end[row] > start) ++row;
    if (row == row_end.size()) row_end.push_back(0);
    row_end[row] = to_the_left ? x : x + width;
    out.push_back({x, row, to_the_left, mark});
  }
  return out;
}

std::string grid(const Axes& axes) {
  std::string out;
  const double step = tick_step(axes.highest);
  for (int i = 0; i * step <= axes.highest * 1.0001; ++i) {
    const double y = axes.y(i * step);
    out += fmt::format(
        "<path class=\"{}\" d=\"M{} {:.1f}H{}\"/><text class=\"tick right\" x=\"{}\" "
        "y=\"{:.1f}\">{}</text>\n",
        i == 0 ? "axis" : "grid", kLeft, y, kRight, kLeft - 8, y + 4, display_number(i * step));
  }
  const double seconds_step = tick_step(axes.to_s - axes.from_s);
  for (int i = static_cast<int>(std::ceil(axes.from_s / seconds_step));
       i * seconds_step <= axes.to_s + seconds_step * 1e-6; ++i) {
    const double at = i * seconds_step;
    const double x = axes.x(at);
    out += fmt::format(
        "<path class=\"axis\" d=\"M{0:.1f} {1:.1f}v5\"/><text class=\"tick\" x=\"{0:.1f}\" "
        "y=\"{2:.1f}\">{3}</text>\n",
        x, axes.bottom(), axes.bottom() + 19, display_number(at));
  }
  out += fmt::format(
      "<text class=\"unit\" x=\"{}\" y=\"{:.1f}\">Mbit/s</text>"
      "<text class=\"tick\" x=\"{:.1f}\" y=\"{:.1f}\">seconds</text>\n",
      kLeft - 50, axes.top - 12, (kLeft + kRight) / 2, axes.bottom() + 38);
  return out;
}

std::string areas(const StackedSamples& samples, const Axes& axes) {
  std::string out;
  std::vector<double> floor(samples.at_s.size(), 0);
  for (std::size_t series = 0; series < samples.mbit.size(); ++series) {
    std::string upper;
    std::string lower;
    for (std::size_t i = 0; i < floor.size(); ++i) {
      const double x = axes.x(samples.at_s[i]);
      lower.insert(0, fmt::format("L{:.1f} {:.1f}", x, axes.y(floor[i])));
      floor[i] += samples.mbit[series][i];
      upper += fmt::format("{}{:.1f} {:.1f}", i == 0 ? 'M' : 'L', x, axes.y(floor[i]));
    }
    out += fmt::format(
        "<path class=\"area s{0}\" d=\"{1}{2}Z\"/><path class=\"edge s{0}\" d=\"{1}\"/>\n",
        colour(series), upper, lower);
  }
  return out;
}

/// Transparent columns whose tooltips say the figures of that moment.
std::string slices(const Chart& chart, const StackedSamples& samples, const Axes& axes) {
  std::string out;
  const std::size_t count = samples.at_s.size();
  const std::size_t every = (count + kMaxSlices - 1) / kMaxSlices;
  for (std::size_t i = 0; i < count; i += every) {
    const double middle = axes.x(samples.at_s[i]);
    const double left = i == 0 ? middle : (middle + axes.x(samples.at_s[i - every])) / 2;
    const double right = i + every >= count ? axes.x(samples.at_s.back())
                                            : (middle + axes.x(samples.at_s[i + every])) / 2;
    auto tip = fmt::format("{} s", display_number(std::round(samples.at_s[i] * 1000) / 1000));
    for (std::size_t series = samples.mbit.size(); series-- > 0;)
      tip +=
          fmt::format("\n{}: {:.1f} Mbit/s", chart.stacked[series].label, samples.mbit[series][i]);
    if (samples.mbit.size() > 1) tip += fmt::format("\ntotal: {:.1f} Mbit/s", samples.total(i));
    out += fmt::format(
        "<rect class=\"slice\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
        "height=\"{:.1f}\"><title>{}</title></rect>\n",
        left, axes.top, std::max(0.5, right - left), kPlotHeight, escape_html(tip));
  }
  return out;
}

std::string mark_lines(const std::vector<PlacedMark>& marks, const Axes& axes) {
  std::string out;
  for (const auto& mark : marks) {
    const double y = axes.top - 10 - kMarkRow * static_cast<double>(mark.row);
    out += fmt::format(
        "<path class=\"mark\" d=\"M{0:.1f} {1:.1f}V{2:.1f}\"/>"
        "<text class=\"mark-label{3}\" x=\"{4:.1f}\" y=\"{5:.1f}\">{6}</text>\n",
        mark.x, y - 10, axes.bottom(), mark.to_the_left ? " right" : "",
        mark.x + (mark.to_the_left ? -6 : 6), y, escape_html(mark.mark->label));
  }
  return out;
}

std::string expected_line(double expected, const Axes& axes) {
  if (!(expected > 0)) return {};
  return fmt::format(
      "<path class=\"expected\" d=\"M{} {:.1f}H{}\"/>"
      "<text class=\"expected-label\" x=\"{}\" y=\"{:.1f}\">sum of the emulated rates: {} "
      "Mbit/s</text>\n",
      kLeft, axes.y(expected), kRight, kRight, axes.y(expected) - 6, display_number(expected));
}

std::string legend(const Chart& chart) {
  std::string out = "<ul class=\"legend\">";
  for (std::size_t series = 0; series < chart.stacked.size(); ++series)
    out += fmt::format("<li><span class=\"swatch s{}\"></span>{}</li>", colour(series),
                       escape_html(chart.stacked[series].label));
  return out + "</ul>\n";
}

}  // namespace

double StackedSamples::total(std::size_t sample) const {
  double sum = 0;
  for (const auto& series : mbit) sum += series[sample];
  return sum;
}

StackedSamples align_samples(const Chart& chart) {
  StackedSamples out;
  std::vector<std::vector<Series::Point>> sorted;
  for (const auto& series : chart.stacked) {
    auto& points = sorted.emplace_back();
    for (const auto& point : series.points)
      if (std::isfinite(point.at_s)) {
        points.push_back(point);
        out.at_s.push_back(point.at_s);
      }
    std::ranges::stable_sort(points, {}, &Series::Point::at_s);
  }
  std::ranges::sort(out.at_s);
  const auto repeated = std::ranges::unique(out.at_s);
  out.at_s.erase(repeated.begin(), repeated.end());
  for (const auto& points : sorted) {
    auto& values = out.mbit.emplace_back();
    for (const double at_s : out.at_s) values.push_back(value_at(points, at_s));
  }
  return out;
}

double tick_step(double highest) {
  if (!(highest > 0) || !std::isfinite(highest)) return 1;
  const double power = std::pow(10, std::floor(std::log10(highest / 4)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (highest / (factor * power) <= 8) return factor * power;
  return 10 * power;
}

std::string chart_html(const Chart& chart) {
  const auto samples = align_samples(chart);
  if (samples.at_s.empty()) return "<p class=\"none\">No samples were taken.</p>\n";
  Axes axes;
  // From zero, where the transfer began, even when the first sample came later.
  axes.from_s = std::min(0.0, samples.at_s.front());
  axes.to_s = std::max(samples.at_s.back(), axes.from_s + 0.1);
  double highest = finite(chart.expected_mbit);
  for (std::size_t i = 0; i < samples.at_s.size(); ++i)
    highest = std::max(highest, samples.total(i));
  axes.highest = highest > 0 ? highest * 1.1 : 1;
  const auto marks = place_marks(chart.marks, axes);
  std::size_t rows = 1;
  for (const auto& mark : marks) rows = std::max(rows, mark.row + 1);
  axes.top = 16 + kMarkRow * static_cast<double>(rows);
  return legend(chart) +
         fmt::format(
             "<svg class=\"chart\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">\n",
             kWidth, axes.bottom() + 46, escape_html(chart.title)) +
         grid(axes) + areas(samples, axes) + expected_line(chart.expected_mbit, axes) +
         mark_lines(marks, axes) + slices(chart, samples, axes) + "</svg>\n";
}

}  // namespace anabranch::lab
