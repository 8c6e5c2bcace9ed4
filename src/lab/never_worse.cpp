// SPDX-License-Identifier: MIT
#include "lab/never_worse.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace anabranch::lab {
namespace {

constexpr double kKnownBound = 0.97;
constexpr double kKnownStartBound = 0.95;
constexpr double kUnknownBound = 0.93;

LinkProfile path(double mbit, double delay_ms, unsigned queue_ms, double loss = 0) {
  return {.rate = BitRate::mbit(mbit),
          .delay = nanoseconds(static_cast<std::int64_t>(delay_ms * 1e6)),
          .loss = loss,
          .queue = milliseconds(queue_ms)};
}

std::string direction(bool upload) {
  return upload ? "upload" : "download";
}

std::vector<double> column(const std::vector<NeverWorseRun>& runs, double NeverWorseRun::*figure) {
  std::vector<double> out;
  for (const auto& run : runs) out.push_back(run.*figure);
  return out;
}

std::vector<double> silences(const std::vector<NeverWorseRun>& runs) {
  std::vector<double> out;
  for (const auto& run : runs)
    if (run.silence_ms) out.push_back(*run.silence_ms);
  return out;
}

double milliseconds_of(nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

void add_measurements(const NeverWorseFigures& figures, ScenarioResult& result) {
  const auto add = [&](const std::string& name, double value, const char* unit) {
    result.measurements.push_back({name, value, unit, true});
  };
  for (const auto& [key, values] : figures.tcp_mbit)
    add(fmt::format("tcp_{}_{}", direction(key.first), path_pairs()[key.second].name),
        spread_of(values).median, "Mbit/s");
  for (const auto& [which, runs] : figures.runs) {
    const auto prefix =
        fmt::format("{}_{}_{}_{}", knowledge_name(which.knowledge), direction(which.upload),
                    path_pairs()[which.pair].name, manager_name(which.manager));
    const auto add_spread = [&](const std::string& name, const Spread& spread, const char* unit) {
      add(prefix + name + "_least", spread.least, unit);
      add(prefix + name + "_median", spread.median, unit);
      add(prefix + name + "_most", spread.most, unit);
    };
    add(prefix + "_runs", static_cast<double>(runs.size()), "count");
    add_spread("_ratio", spread_of(column(runs, &NeverWorseRun::whole)), "ratio");
    add_spread("_start_ratio", spread_of(column(runs, &NeverWorseRun::start)), "ratio");
    add_spread("_share", spread_of(column(runs, &NeverWorseRun::share)), "ratio");
    if (const auto times = silences(runs); !times.empty())
      add_spread("_silence", spread_of(times), "ms");
  }
}

/// Four columns for each manager that was measured.
Table side_by_side(const NeverWorseFigures& figures) {
  Table out{.title =
                "Goodput / TCP on the best path: least and median over the whole time, least over "
                "the first 3 s; median share of both TCPs; longest silence after the cut in ms",
            .head = {"paths, direction, pair", "TCP"},
            .rows = {}};
  std::vector<Manager> managers;
  for (const auto manager : kManagers)
    if (std::ranges::any_of(figures.runs,
                            [&](const auto& entry) { return entry.first.manager == manager; }))
      managers.push_back(manager);
  for (const auto manager : managers)
    for (const auto& head : {std::string(manager_name(manager)), std::string("3 s"),
                             std::string("sum"), std::string("cut")})
      out.head.push_back(head);
  std::map<NeverWorseCase, bool> seen;
  for (const auto& [which, runs] : figures.runs) {
    auto any = which;
    any.manager = Manager::kKernel;
    if (!seen.emplace(any, true).second) continue;
    std::vector<std::string> row = {fmt::format("{} {} {}", knowledge_name(which.knowledge),
                                                direction(which.upload),
                                                path_pairs()[which.pair].name)};
    const auto tcp = figures.tcp_mbit.find({which.upload, which.pair});
    row.push_back(
        tcp == figures.tcp_mbit.end() ? "" : fmt::format("{:.1f}", spread_of(tcp->second).median));
    for (const auto manager : managers) {
      any.manager = manager;
      const auto found = figures.runs.find(any);
      if (found == figures.runs.end()) {
        row.insert(row.end(), 4, "-");
        continue;
      }
      const auto whole = spread_of(column(found->second, &NeverWorseRun::whole));
      const auto times = silences(found->second);
      row.push_back(fmt::format("{:.2f} {:.2f}", whole.least, whole.median));
      row.push_back(
          fmt::format("{:.2f}", spread_of(column(found->second, &NeverWorseRun::start)).least));
      row.push_back(
          fmt::format("{:.2f}", spread_of(column(found->second, &NeverWorseRun::share)).median));
      row.push_back(times.empty() ? "-" : fmt::format("{:.0f}", spread_of(times).most));
    }
    out.rows.push_back(std::move(row));
  }
  return out;
}

/// The worst of all pairs, with the name of the pair it is of.
struct Worst {
  double value = 0;
  std::string_view pair;
};

/// Of Anabranch's runs of one kind; nothing when there are none.
template <typename Figure>
std::optional<Worst> least_of(const NeverWorseFigures& figures, Knowledge knowledge, bool upload,
                              Figure figure) {
  std::optional<Worst> out;
  for (const auto& [which, runs] : figures.runs) {
    if (which.manager != Manager::kAnabranch || which.knowledge != knowledge ||
        which.upload != upload)
      continue;
    const auto value = figure(path_pairs()[which.pair], runs);
    if (value && (!out || *value < out->value)) out = Worst{*value, path_pairs()[which.pair].name};
  }
  return out;
}

void expect_ratios(const NeverWorseFigures& figures, bool upload, ScenarioResult& result) {
  const auto expect = [&](Knowledge knowledge, double NeverWorseRun::*figure,
                          const std::string& span, double bound) {
    const auto worst = least_of(figures, knowledge, upload, [&](const PathPair&, const auto& runs) {
      return std::optional(spread_of(column(runs, figure)).least);
    });
    if (worst)
      result.expectations.push_back(
          at_least(fmt::format("paths {}, {}, {}: least ratio to the best path's TCP (pair {})",
                               knowledge_name(knowledge), direction(upload), span, worst->pair),
                   worst->value, bound));
  };
  expect(Knowledge::kKnown, &NeverWorseRun::whole, "whole time", kKnownBound);
  expect(Knowledge::kKnown, &NeverWorseRun::start, "first 3 s", kKnownStartBound);
  expect(Knowledge::kUnknown, &NeverWorseRun::whole, "whole time", kUnknownBound);
}

void expect_shares(const NeverWorseFigures& figures, bool upload, bool bpf,
                   ScenarioResult& result) {
  for (const auto& [which, runs] : figures.runs) {
    const auto& pair = path_pairs()[which.pair];
    if (which.manager != Manager::kAnabranch || which.knowledge != Knowledge::kKnown ||
        which.upload != upload || pair.least_share <= 0)
      continue;
    // Only a sender on this machine can be limited.
    const bool limits = bpf && upload;
    result.expectations.push_back(
        at_least(fmt::format("pair {}, {}: median share of the sum of both TCPs{}", pair.name,
                             direction(upload),
                             pair.without_bpf == pair.least_share ? ""
                             : limits                             ? ", with BPF"
                                                                  : ", without BPF"),
                 spread_of(column(runs, &NeverWorseRun::share)).median,
                 limits ? pair.least_share : pair.without_bpf));
  }
}

void expect_silences(const NeverWorseFigures& figures, bool upload, ScenarioResult& result) {
  for (const auto knowledge : {Knowledge::kKnown, Knowledge::kUnknown}) {
    // The share of the bound, negated: the largest is the worst.
    const auto worst =
        least_of(figures, knowledge, upload,
                 [](const PathPair& pair, const auto& runs) -> std::optional<double> {
                   const auto times = silences(runs);
                   if (times.empty()) return std::nullopt;
                   return -spread_of(times).most / milliseconds_of(pair.most_silence());
                 });
    if (worst)
      result.expectations.push_back(
          at_most(fmt::format("paths {}, {}: longest silence after the cut / 2 RTT of the "
                              "survivor + 200 ms (pair {})",
                              knowledge_name(knowledge), direction(upload), worst->pair),
                  -worst->value, 1));
  }
}

}  // namespace

nanoseconds PathPair::most_silence() const {
  return 4 * slow.delay + milliseconds(200);
}

std::span<const PathPair> path_pairs() {
  static const std::array pairs = {
      PathPair{"A", path(50, 10, 50), path(5, 10, 50), 0.93, 0.89},
      PathPair{"B", path(50, 10, 50), path(5, 150, 50)},
      PathPair{"C", path(50, 10, 50), path(0.5, 50, 50)},
      PathPair{"C3", path(50, 10, 50), path(0.5, 50, 50, 0.03)},
      PathPair{"D", path(50, 10, 50), path(5, 10, 500), 0.93, 0.89},
      PathPair{"E", path(50, 10, 50), path(20, 10, 50), 0.95, 0.95},
      PathPair{"F", path(50, 10, 50), path(25, 40, 50), 0.93, 0.93},
      PathPair{"A5", path(50, 10, 500), path(5, 10, 500)},
      PathPair{"E5", path(50, 10, 500), path(20, 10, 500)},
      PathPair{"Z10", path(50, 0.5, 10), path(5, 0.5, 10)},
  };
  return pairs;
}

std::string_view knowledge_name(Knowledge knowledge) {
  return knowledge == Knowledge::kKnown ? "known" : "unknown";
}

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {values.front(), median, values.back()};
}

void judge_never_worse(const NeverWorseFigures& figures, bool bpf, ScenarioResult& result) {
  add_measurements(figures, result);
  result.tables.push_back(side_by_side(figures));
  std::optional<Worst> busy;
  for (const auto& [key, values] : figures.tcp_mbit) {
    const auto& pair = path_pairs()[key.second];
    const double share = spread_of(values).least / pair.fast.rate.mbit();
    if (!busy || share < busy->value) busy = Worst{share, pair.name};
  }
  // Below the bound the run is void: it says more about the machine than about a path manager.
  if (busy)
    result.expectations.push_back(
        at_least(fmt::format("TCP on the best path / emulated rate (pair {})", busy->pair),
                 busy->value, kTcpShareBound));
  for (const bool upload : {false, true}) {
    expect_ratios(figures, upload, result);
    expect_shares(figures, upload, bpf, result);
    expect_silences(figures, upload, result);
  }
}

}  // namespace anabranch::lab
