// SPDX-License-Identifier: MIT
#include "lab/failover_figures.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "lab/cut_figures.hpp"

namespace anabranch::lab {
namespace {

constexpr double kFirstHalfSecondBound = 0.5;
constexpr double kReturnBoundMs = 1000;
/// After a reset or the loss of a NAT's memory: that it comes back at all.
constexpr double kBlowReturnBoundMs = 5000;

template <typename Outcome, typename Value>
std::vector<double> values_of(const std::vector<Outcome>& outcomes, const Value& value) {
  std::vector<double> out;
  std::ranges::transform(outcomes, std::back_inserter(out), value);
  return out;
}

template <typename Outcome, typename Condition>
std::vector<Outcome> those(const std::vector<Outcome>& outcomes, const Condition& condition) {
  std::vector<Outcome> out;
  std::ranges::copy_if(outcomes, std::back_inserter(out), condition);
  return out;
}

double longest_ms(const std::vector<CutOutcome>& cuts) {
  return percentile(values_of(cuts, [](const auto& cut) { return cut.silence_ms; }), 100);
}

std::string name_of(Blow blow) {
  return blow == Blow::kReset ? "rst" : "nat_loss";
}

/// "NAME_p50", ..., "NAME_max".
void measure_percentiles(ScenarioRun& run, const std::string& name,
                         const std::vector<double>& values, const std::string& unit,
                         const std::vector<int>& percents = {50, 99}) {
  for (const int percent : percents)
    run.measure(percent == 100 ? name + "_max" : fmt::format("{}_p{}", name, percent),
                percentile(values, percent), unit);
}

}  // namespace

std::size_t FailoverFigures::cuts(Manager manager) const {
  const auto found = of_.find(manager);
  return found == of_.end() ? 0 : found->second.cuts.size();
}

std::string FailoverFigures::summary(Manager manager, std::size_t from) const {
  const auto found = of_.find(manager);
  if (found == of_.end() || found->second.cuts.size() <= from) return {};
  const std::vector<CutOutcome> cuts(found->second.cuts.begin() + static_cast<std::ptrdiff_t>(from),
                                     found->second.cuts.end());
  const auto back = std::ranges::count_if(cuts, [](const auto& cut) { return cut.returned.back; });
  return fmt::format(
      "{}: silence up to {:.0f} ms, first half second {:.2f}, {} of {} back within {:.0f} ms",
      manager_name(manager), longest_ms(cuts),
      percentile(values_of(cuts, [](const auto& cut) { return cut.first_half_second; }), 50), back,
      cuts.size(),
      percentile(values_of(those(cuts, [](const auto& cut) { return cut.returned.back; }),
                           [](const auto& cut) { return cut.returned.ms; }),
                 100));
}

void FailoverFigures::report_cuts(ScenarioRun& run, Manager manager, const Figures& figures) {
  const std::string name(manager_name(manager));
  const auto& cuts = figures.cuts;
  run.measure(name + "_cuts", static_cast<double>(cuts.size()), "count");
  if (cuts.empty()) return;
  measure_percentiles(run, name + "_silence_ms",
                      values_of(cuts, [](const auto& cut) { return cut.silence_ms; }), "ms",
                      {50, 90, 99, 100});
  for (const unsigned survivor : {1u, 2u}) {
    const auto here = those(cuts, [&](const auto& cut) { return cut.survivor == survivor; });
    if (here.empty()) continue;
    measure_percentiles(run, fmt::format("{}_silence_ms_survivor{}", name, survivor),
                        values_of(here, [](const auto& cut) { return cut.silence_ms; }), "ms");
  }
  const auto shares =
      values_of(cuts, [](const auto& cut) { return cut.silence_ms / cut.bound_ms; });
  const auto halves = values_of(cuts, [](const auto& cut) { return cut.first_half_second; });
  measure_percentiles(run, name + "_silence_share", shares, "ratio");
  run.measure(name + "_first_half_second_median", percentile(halves, 50), "ratio");
  run.measure(name + "_first_half_second_min", percentile(halves, 0), "ratio");
  const auto alone = std::ranges::count_if(cuts, [](const auto& cut) { return cut.alone; });
  run.measure(name + "_cuts_survivor_not_back", static_cast<double>(alone), "count");
  if (manager != Manager::kAnabranch) return;
  run.expect(at_most("silence / (2 RTT of the survivor + 200 ms), p99", percentile(shares, 99), 1));
  run.expect(at_least("first 500 ms / survivor alone, median", percentile(halves, 50),
                      kFirstHalfSecondBound));
}

void FailoverFigures::report_returns(ScenarioRun& run, Manager manager, const Figures& figures) {
  std::map<nanoseconds, std::vector<CutOutcome>> by_outage;
  for (const auto& cut : figures.cuts) by_outage[cut.outage].push_back(cut);
  for (const auto& [outage, cuts] : by_outage) {
    const double length = std::chrono::duration<double>(outage).count();
    const auto name = fmt::format("{}_return_ms_after_{}s", manager_name(manager), length);
    const auto times = values_of(cuts, [](const auto& cut) { return cut.returned.ms; });
    measure_percentiles(run, name, times, "ms");
    const auto never =
        std::ranges::count_if(cuts, [](const auto& cut) { return !cut.returned.back; });
    run.measure(name + "_missing", static_cast<double>(never), "count");
    if (manager != Manager::kAnabranch) continue;
    const auto title = fmt::format("return after {} s", length);
    run.expect(at_most(title + ", p99 (ms)", percentile(times, 99), kReturnBoundMs));
    run.expect(holds(title + ": every path is back", never == 0));
  }
  if (figures.cuts.empty()) return;
  measure_percentiles(
      run, fmt::format("{}_silence_at_return_ms", manager_name(manager)),
      values_of(figures.cuts, [](const auto& cut) { return cut.return_silence_ms; }), "ms");
}

void FailoverFigures::report_blows(ScenarioRun& run, Manager manager, const Figures& figures) {
  for (const auto kind : {Blow::kReset, Blow::kForgotten}) {
    const auto blows = those(figures.blows, [&](const auto& blow) { return blow.blow == kind; });
    if (blows.empty()) continue;
    const auto name = fmt::format("{}_{}", manager_name(manager), name_of(kind));
    const auto never =
        std::ranges::count_if(blows, [](const auto& blow) { return !blow.returned.back; });
    const auto times = values_of(blows, [](const auto& blow) { return blow.returned.ms; });
    run.measure(name + "_count", static_cast<double>(blows.size()), "count");
    run.measure(name + "_return_ms_median", percentile(times, 50), "ms");
    run.measure(name + "_return_ms_max", percentile(times, 100), "ms");
    run.measure(name + "_return_missing", static_cast<double>(never), "count");
    run.measure(name + "_silence_ms_max",
                percentile(values_of(blows, [](const auto& blow) { return blow.silence_ms; }), 100),
                "ms");
    if (manager != Manager::kAnabranch) continue;
    run.expect(at_most(fmt::format("return after {}, longest (ms)", name_of(kind)),
                       percentile(times, 100), kBlowReturnBoundMs));
    run.expect(
        holds(fmt::format("return after {}: every path is back", name_of(kind)), never == 0));
  }
}

void FailoverFigures::report(ScenarioRun& run) const {
  for (const auto& [manager, figures] : of_) {
    report_cuts(run, manager, figures);
    report_returns(run, manager, figures);
    report_blows(run, manager, figures);
    run.measure(fmt::format("{}_broken_transfers", manager_name(manager)), figures.broken, "count");
    if (manager == Manager::kAnabranch)
      run.expect(holds("every transfer: hash equal, MPTCP to the end", figures.broken == 0));
  }
}

}  // namespace anabranch::lab
