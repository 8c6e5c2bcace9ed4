// SPDX-License-Identifier: MIT
// Long connections that fetch one piece after the other, short ones as load, and a cluster in which
// everything changes once. There is no second try: whatever a client loses is counted.
#include <algorithm>

#include <fmt/format.h>

#include "lab/balanced.hpp"
#include "lab/balanced_churn.hpp"
#include "lab/scenario_balancer.hpp"
#include "lab/single_homed_roles.hpp"

namespace anabranch::lab {
namespace {

/// More than the scheduler gives to one subflow: every piece proves all subflows.
constexpr std::size_t kPieceOctets = 200'000;
constexpr std::array kMemories = {Memory::kTable, Memory::kNone, Memory::kChain};

unsigned connections_for(Scale scale) {
  return scale == Scale::kFull ? 400 : 40;
}

std::vector<std::string_view> memory_words() {
  std::vector<std::string_view> out;
  for (const auto memory : kMemories) out.push_back(memory_word(memory));
  return out;
}

/// Few enough for a test.
bool is_quick(Cure cure, Memory memory) {
  return cure == Cure::kPort || (cure == Cure::kNone && memory != Memory::kChain);
}

/// IPv6 only when it is asked for, by its word or by the scale.
std::vector<Family> families_for(Scale scale, const Choice& choice) {
  const bool chosen = std::ranges::any_of(kFamilyWords, [&](std::string_view word) {
    return std::ranges::find(choice.only, word) != choice.only.end();
  });
  if (chosen || scale == Scale::kFull) return families_wanted(choice);
  return {Family::kIpv4};
}

std::vector<ChurnCase> cases_for(Scale scale, const Choice& choice) {
  std::vector<ChurnCase> out;
  const auto words = cure_words();
  const bool chosen = std::ranges::any_of(words, [&](std::string_view word) {
    return std::ranges::find(choice.only, word) != choice.only.end();
  });
  // Cure by cure: a join port that is announced stays so, and one that is not can only be again
  // once the kernel has forgotten its former connections.
  for (const auto cure : cures_wanted(choice)) {
    for (const auto memory : kMemories) {
      if (!choice.wants(memory_word(memory), memory_words())) continue;
      if (scale == Scale::kQuick && !chosen && !is_quick(cure, memory)) continue;
      for (const auto family : families_for(scale, choice))
        out.push_back({.cure = cure, .memory = memory, .family = family});
    }
  }
  return out;
}

/// "0" or "3, 12 subflows".
std::string cell(const Broken& broken) {
  if (broken.subflows == 0) return std::to_string(broken.held + broken.short_ones);
  return fmt::format("{}, {} subflows", broken.held + broken.short_ones, broken.subflows);
}

void report(ScenarioRun& run, Table& table, const ChurnCase& of, const ChurnFigures& figures) {
  const auto all = figures.all_broken();
  const auto put = [&](const char* what, double value) {
    run.measure(fmt::format("{}_{}", of.name(), what), value, "count");
  };
  put("broken_connections", all.held);
  put("broken_subflows", all.subflows);
  put("broken_short_connections", all.short_ones);
  put("of_killed_server", all.killed_servers);
  put("short_connections", figures.loaded);
  std::vector<std::string> row = {std::string(traits(of.cure).word),
                                  std::string(memory_word(of.memory)),
                                  std::string(family_word(of.family))};
  for (const auto& broken : figures.broken) row.push_back(cell(broken));
  table.rows.push_back(std::move(row));
}

void judge(ScenarioRun& run, const ChurnCase& of, const ChurnFigures& figures) {
  const auto all = figures.all_broken();
  const auto none = [&](const char* what, double value) {
    run.expect(at_most(fmt::format("{}: {}", of.name(), what), value, 0));
  };
  none("pieces with a wrong hash", figures.wrong);
  none("connections that began on the drained server", static_cast<double>(figures.to_drained));
  run.expect(at_least(of.name() + ": connections that began on the added server",
                      static_cast<double>(figures.to_added), 1));
  const auto& cure = traits(of.cure);
  if (!cure.cures() || (cure.needs_table && of.memory != Memory::kTable)) return;
  run.expect(
      at_least(of.name() + ": connections with all their subflows", figures.joined, figures.held));
  none("broken connections but those of the killed server", all.held);
  if (of.memory == Memory::kNone) return;
  // What is sent on may have had its way through the one that was killed.
  const auto& by_killed = figures.broken[static_cast<std::size_t>(ChurnEvent::kServerKilled)];
  none("broken subflows", all.subflows - (of.memory == Memory::kChain ? by_killed.subflows : 0));
  none("broken short connections but those of the killed server", all.short_ones);
}

Result<void> churn(ScenarioRun& run) {
  ANABRANCH_TRY(balancer_is_allowed());
  const auto cases = cases_for(run.scale, run.choice);
  run.progress.set_steps(static_cast<unsigned>(1 + cases.size()));
  run.progress.step(fmt::format("{} servers start", kChurnServers), seconds(1));
  ANABRANCH_TRY(give_pins(run.network));
  const auto piece = make_piece(kPieceOctets);
  ANABRANCH_TRY(start_web_servers(run.network, 1, kChurnServers, piece));
  run.progress.finish_step("");
  Table table{.title = "Broken connections, and subflows of those that went on",
              .head = {"cure", "memory", "family"},
              .rows = {}};
  for (const auto event : kChurnEvents) table.head.emplace_back(event_text(event));
  for (const auto& of : cases) {
    run.progress.step(of.name(), seconds(12));
    const auto figures = run_churn(run, of, piece, connections_for(run.scale));
    if (!figures) return std::unexpected(figures.error());
    const auto all = figures->all_broken();
    run.progress.finish_step(fmt::format(
        "{} pieces, {} short connections; broken: {} connections, {} subflows, {} short ones; {} "
        "of the killed server",
        figures->pieces, figures->loaded, all.held, all.subflows, all.short_ones,
        all.killed_servers));
    report(run, table, of, *figures);
    judge(run, of, *figures);
  }
  run.result.tables.push_back(std::move(table));
  return {};
}

std::vector<std::string_view> words() {
  auto out = cure_words();
  const auto memories = memory_words();
  out.insert(out.end(), memories.begin(), memories.end());
  out.insert(out.end(), kFamilyWords.begin(), kFamilyWords.end());
  return out;
}

}  // namespace

Scenario balancer_churn_scenario() {
  return {
      .name = "balancer-churn",
      .title = "What breaks when servers and the balancer come and go",
      .topology = [] { return balanced_topology(kChurnServers); },
      .steps = [](Scale scale) { return static_cast<unsigned>(1 + cases_for(scale, {}).size()); },
      .body = churn,
      .start = start_balanced_for_shell,
      .words = words()};
}

}  // namespace anabranch::lab
