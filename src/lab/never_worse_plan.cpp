// SPDX-License-Identifier: MIT
#include "lab/never_worse_plan.hpp"

#include <algorithm>
#include <array>

namespace anabranch::lab {
namespace {

/// More would keep two processors too busy to measure on.
constexpr std::size_t kMostAtOnce = 6;

constexpr std::array<std::string_view, 2> kDirections = {"download", "upload"};
constexpr std::array<std::string_view, 2> kKnowledge = {"known", "unknown"};
constexpr std::array<std::string_view, 1> kNoLimits = {"no-limits"};
constexpr std::array<std::string_view, 3> kQuickPairs = {"A", "C", "F"};

std::vector<std::string_view> pair_names() {
  std::vector<std::string_view> out;
  for (const auto& pair : path_pairs()) out.push_back(pair.name);
  return out;
}

/// As few batches as will do, all of about the same size.
std::vector<std::vector<Lane>> in_batches(const std::vector<Lane>& lanes) {
  const std::size_t count = (lanes.size() + kMostAtOnce - 1) / kMostAtOnce;
  std::vector<std::vector<Lane>> out(count);
  for (std::size_t i = 0; i < lanes.size(); ++i) out[i * count / lanes.size()].push_back(lanes[i]);
  return out;
}

}  // namespace

std::string Lane::name() const {
  return std::string(path_pairs()[pair].name) + (upload ? " upload" : " download");
}

std::string Lane::suffix() const {
  return "-" + std::string(path_pairs()[pair].name) + (upload ? "-up" : "-down");
}

std::vector<Lane> all_lanes() {
  std::vector<Lane> out;
  for (const bool upload : {false, true})
    for (std::size_t pair = 0; pair < path_pairs().size(); ++pair) out.push_back({pair, upload});
  return out;
}

unsigned NeverWorsePlan::steps() const {
  std::size_t each = 1;  // plain TCP
  for (const auto manager : managers)
    each += static_cast<std::size_t>(
        std::ranges::count_if(knowledge, [&](auto what) { return takes(manager, what); }));
  return static_cast<unsigned>(rounds * batches.size() * each);
}

NeverWorsePlan never_worse_plan(Scale scale, const Choice& choice) {
  const bool quick = scale == Scale::kQuick;
  NeverWorsePlan plan;
  plan.rounds = quick ? 1 : scale == Scale::kFull ? 10 : 2;
  if (choice.runs > 0) plan.rounds = choice.runs;
  const auto is_chosen = [&](std::string_view word) {
    return std::ranges::find(choice.only, word) != choice.only.end();
  };
  const auto names = pair_names();
  const bool pairs_chosen = std::ranges::any_of(names, is_chosen);
  const bool managers_chosen = std::ranges::any_of(manager_names(), is_chosen);
  plan.with_peers_unknown = !quick || managers_chosen;

  if (is_chosen(kNoLimits.front())) plan.limits = SubflowLimits::kOff;

  std::vector<Lane> lanes;
  for (const auto& lane : all_lanes()) {
    const auto name = path_pairs()[lane.pair].name;
    const bool in_quick = std::ranges::find(kQuickPairs, name) != kQuickPairs.end();
    if (choice.wants(name, names) && (!quick || pairs_chosen || in_quick) &&
        choice.wants(kDirections[lane.upload ? 1 : 0], kDirections))
      lanes.push_back(lane);
  }
  plan.batches = in_batches(lanes);
  for (const auto manager : kManagers)
    if (choice.wants(manager_name(manager), manager_names())) plan.managers.push_back(manager);
  for (const auto what : {Knowledge::kUnknown, Knowledge::kKnown})
    if (choice.wants(knowledge_name(what), kKnowledge)) plan.knowledge.push_back(what);
  return plan;
}

std::vector<std::string_view> never_worse_words() {
  auto out = pair_names();
  const auto add = [&out](const auto& more) { out.insert(out.end(), more.begin(), more.end()); };
  add(kDirections);
  add(kKnowledge);
  add(manager_names());
  add(kNoLimits);
  return out;
}

}  // namespace anabranch::lab
