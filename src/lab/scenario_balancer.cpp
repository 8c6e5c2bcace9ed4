// SPDX-License-Identifier: MIT
// Each connection fetches a piece, waits for its further subflows and fetches it once more, now
// over all of them. Where a subflow that met a wrong server is reset, the servers' kernels count
// it: those counters are the judges, beside the hash of every piece.
#include "lab/scenario_balancer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "lab/balanced.hpp"
#include "lab/balanced_cures.hpp"
#include "lab/balanced_roles.hpp"
#include "lab/balanced_visitors.hpp"
#include "lab/single_homed_roles.hpp"

namespace anabranch::lab {
namespace {

constexpr unsigned kServers = 4;
constexpr unsigned kLive = 100;
constexpr unsigned kPieces = 2;
/// More than the scheduler gives to one subflow before it looks at the others.
constexpr std::size_t kPieceOctets = 200'000;
/// With plain hashing most have nothing to wait for.
constexpr nanoseconds kPlainJoinPatience = milliseconds(300);
constexpr nanoseconds kPatience = seconds(120);
constexpr double kPlainLeast = 0.5;
constexpr double kPlainMost = 0.9;

unsigned connections_for(Scale scale) {
  return scale == Scale::kQuick ? 100 : scale == Scale::kNormal ? 1000 : 10'000;
}

/// What one cure came to with one family.
struct Figures {
  unsigned connections = 0;
  DownloadReport seen{};                  ///< by the clients
  std::vector<ServerCounters> counted{};  ///< by the servers
  nanoseconds time{};

  double misrouted() const { return static_cast<double>(sum(counted).misrouted); }
};

Result<Figures> measure(ScenarioRun& run, const CureTraits& cure, Family family,
                        const Piece& piece) {
  Figures out{.connections = connections_for(run.scale)};
  run.progress.step(fmt::format("{} connections, {}, {}", out.connections, cure.word,
                                family == Family::kIpv4 ? "IPv4" : "IPv6"),
                    out.connections * milliseconds(5));
  const BalancerFile file{
      .cure = cure.cure, .family = family, .weights = std::vector<unsigned>(kServers, 1)};
  ANABRANCH_TRY(tell_of_joins(run.network, file));
  ANABRANCH_TRY(start_balancer(run.network, file));
  const auto before = server_counters(run.network, kServers);
  if (!before) return std::unexpected(before.error());
  const auto start = MonotonicClock::now();
  auto visitors = Visitors::start(
      run.network, {.service = {service_address(family), kServicePort},
                    .sha256 = piece.sha256,
                    .live = kLive,
                    .total = out.connections,
                    .pieces = kPieces,
                    .joins = cure.further_subflows(),
                    .join_patience = cure.cures() ? seconds(10) : kPlainJoinPatience});
  if (!visitors) return std::unexpected(visitors.error());
  const auto seen = visitors->report(kPatience);
  if (!seen) return std::unexpected(seen.error());
  out.time = MonotonicClock::now() - start;
  out.seen = *seen;
  const auto after = server_counters(run.network, kServers);
  if (!after) return std::unexpected(after.error());
  out.counted = difference(*after, *before);
  run.progress.finish_step(fmt::format("{} further subflows joined, {} misrouted, {:.1f} s",
                                       sum(out.counted).joined, sum(out.counted).misrouted,
                                       std::chrono::duration<double>(out.time).count()));
  if (!out.seen.last_failure.empty()) run.progress.note("a download: " + out.seen.last_failure);
  ANABRANCH_TRY(remove_balancer(run.network));
  return out;
}

void report(ScenarioRun& run, Table& table, const CureTraits& cure, Family family,
            const Figures& figures) {
  const auto name = fmt::format("{}_{}", cure.word, family_word(family));
  const auto all = static_cast<double>(figures.connections);
  const auto [least, most] = std::ranges::minmax(figures.counted, {}, &ServerCounters::capable);
  const auto total = sum(figures.counted);
  const double time = std::chrono::duration<double>(figures.time).count();
  run.measure(name + "_misrouted", figures.misrouted(), "count");
  run.measure(name + "_joined", static_cast<double>(total.joined), "count");
  run.measure(name + "_over_all_subflows", figures.seen.carried / all, "ratio");
  run.measure(name + "_least_share", static_cast<double>(least.capable) / all, "ratio");
  run.measure(name + "_most_share", static_cast<double>(most.capable) / all, "ratio");
  run.measure(name + "_time", time, "s");
  table.rows.push_back(
      {std::string(cure.word), std::string(family_word(family)), std::to_string(figures.seen.done),
       std::to_string(total.joined), std::to_string(total.misrouted),
       fmt::format("{}..{}", least.capable, most.capable), fmt::format("{:.1f}", time)});
}

/// Of all families together.
void judge(ScenarioRun& run, const CureTraits& cure, const std::vector<Figures>& all) {
  unsigned connections = 0;
  double misrouted = 0;
  double wrong = 0;
  double lacking = 0;
  for (const auto& figures : all) {
    connections += figures.connections;
    misrouted += figures.misrouted();
    wrong += figures.seen.all_broken() + figures.seen.wrong;
    const auto total = sum(figures.counted);
    const auto of_all = std::uint64_t{figures.connections};
    lacking += static_cast<double>(of_all - std::min(of_all, total.capable));
    if (cure.cures()) {
      const auto wanted = of_all * cure.further_subflows();
      lacking += static_cast<double>(wanted - std::min(wanted, total.joined));
      lacking += figures.connections - figures.seen.joined;
    }
  }
  const std::string name(cure.word);
  run.expect(at_most(name + ": connections broken or with a wrong hash", wrong, 0));
  if (!cure.cures()) {
    const double share = misrouted / connections;
    run.expect(at_most(name + ": connections that were not MPTCP", lacking, 0));
    run.expect(at_least(name + ": share of misrouted joins", share, kPlainLeast));
    run.expect(at_most(name + ": share of misrouted joins", share, kPlainMost));
    return;
  }
  run.expect(at_most(name + ": misrouted joins", misrouted, 0));
  run.expect(at_most(name + ": connections or further subflows that servers miss", lacking, 0));
}

Result<void> balancer(ScenarioRun& run) {
  ANABRANCH_TRY(balancer_is_allowed());
  const auto cures = cures_wanted(run.choice);
  const auto families = families_wanted(run.choice);
  run.progress.set_steps(static_cast<unsigned>(1 + cures.size() * families.size()));
  run.progress.step(fmt::format("{} servers start", kServers), seconds(1));
  ANABRANCH_TRY(give_pins(run.network));
  const auto piece = make_piece(kPieceOctets);
  ANABRANCH_TRY(start_web_servers(run.network, 1, kServers, piece));
  run.progress.finish_step("");
  Table table{.title = "Connections with their further subflows, by cure",
              .head = {"cure", "family", "connections", "joined", "misrouted", "of a server", "s"},
              .rows = {}};
  for (const auto cure : cures) {
    std::vector<Figures> all;
    for (const auto family : families) {
      const auto figures = measure(run, traits(cure), family, piece);
      if (!figures) return std::unexpected(figures.error());
      report(run, table, traits(cure), family, *figures);
      all.push_back(*figures);
    }
    judge(run, traits(cure), all);
  }
  run.result.tables.push_back(std::move(table));
  return {};
}

std::vector<std::string_view> words() {
  auto out = cure_words();
  out.insert(out.end(), kFamilyWords.begin(), kFamilyWords.end());
  return out;
}

}  // namespace

Scenario balancer_scenario() {
  return {
      .name = "balancer",
      .title = "A layer-4 balancer brings every subflow to the server of its connection",
      .topology = [] { return balanced_topology(kServers); },
      .steps =
          [](Scale) { return static_cast<unsigned>(1 + all_cures().size() * kFamilyWords.size()); },
      .body = balancer,
      .start = start_balanced_for_shell,
      .words = words()};
}

}  // namespace anabranch::lab
