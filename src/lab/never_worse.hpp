// SPDX-License-Identifier: MIT
// What the scenario "never-worse" measures and how it is judged, without doing it.
//
// MPTCP over two unequal paths can carry far less than TCP over the better one: the scheduler hands
// the slow path a burst, and the fast one waits for it. The pairs are the ones in which that shows,
// or in which an over-careful path manager would give capacity away.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "lab/path_manager.hpp"
#include "lab/result.hpp"
#include "lab/topology.hpp"

namespace anabranch::lab {

struct PathPair {
  std::string_view name;
  LinkProfile fast;                  ///< path 1, which the routes prefer
  LinkProfile slow;                  ///< path 2
  double least_share = 0;            ///< bound of the median share of the sum of both TCPs; 0: none
  double without_bpf = 0;            ///< the same where no limits can be set on single subflows
  nanoseconds most_silence() const;  ///< after a cut of the fast path
};
std::span<const PathPair> path_pairs();

/// A TCP that does not fill its link says that the machine was too busy to measure on.
inline constexpr double kTcpShareBound = 0.93;

/// What the path manager knows of the paths when the measured connection begins, and where its
/// first subflow is.
enum class Knowledge : std::uint8_t {
  kKnown,    ///< both paths have carried something before; where the routes lead
  kUnknown,  ///< nothing; on the slow path
};
std::string_view knowledge_name(Knowledge knowledge);  ///< "known", "unknown"

struct NeverWorseCase {
  Knowledge knowledge = Knowledge::kKnown;
  bool upload = false;
  std::size_t pair = 0;  ///< index in path_pairs()
  Manager manager = Manager::kKernel;
  auto operator<=>(const NeverWorseCase&) const = default;
};

/// One transfer. Ratios are to TCP on the best path alone in the same round.
struct NeverWorseRun {
  double whole = 0;                                 ///< ratio over the whole time
  double start = 0;                                 ///< ratio over the first 3 s
  double share = 0;                                 ///< of the sum of both paths' TCPs
  std::optional<double> silence_ms = std::nullopt;  ///< longest one after the cut, if there was one
};

struct NeverWorseFigures {
  std::map<NeverWorseCase, std::vector<NeverWorseRun>> runs;
  std::map<std::pair<bool, std::size_t>, std::vector<double>>
      tcp_mbit;  ///< upload, pair: best path
};

struct Spread {
  double least = 0;
  double median = 0;
  double most = 0;
};
Spread spread_of(std::vector<double> values);

/// Adds measurements, the table and the expectations that what was measured allows. `bpf`: our path
/// manager set limits on single subflows.
void judge_never_worse(const NeverWorseFigures& figures, bool bpf, ScenarioResult& result);

}  // namespace anabranch::lab
