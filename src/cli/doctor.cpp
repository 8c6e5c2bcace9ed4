// SPDX-License-Identifier: MIT
// anabranch doctor: what this machine offers, what is missing, what follows for each role.
#include <algorithm>
#include <cstdio>

#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/commands.hpp"
#include "kernel/feature_roles.hpp"
#include "kernel/features.hpp"
#include "lab/progress.hpp"

namespace anabranch::cli {
namespace {

using kernel::Feature;
using kernel::FeatureState;
using kernel::Readiness;
using kernel::RoleVerdict;

std::string kernel_release() {
  utsname names{};
  return ::uname(&names) == 0 ? names.release : "not known";
}

std::string as_json(const std::vector<Feature>& features,
                    const std::vector<RoleVerdict>& verdicts) {
  using Json = nlohmann::ordered_json;
  Json checks = Json::array();
  for (const auto& feature : features)
    checks.push_back({{"name", feature.name},
                      {"state", feature_state_name(feature.state)},
                      {"detail", feature.detail},
                      {"meaning", feature.meaning},
                      {"hint", feature.hint}});
  Json roles = Json::object();
  for (const auto& verdict : verdicts)
    roles[verdict.role] = {{"state", readiness_name(verdict.readiness)},
                           {"present", kernel::is_present(verdict.role)},
                           {"reasons", verdict.reasons}};
  const Json out = {
      {"kernel", kernel_release()}, {"checks", std::move(checks)}, {"roles", std::move(roles)}};
  return out.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string coloured(const char* code, const std::string& text, bool colours) {
  return colours && code ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
}

const char* colour_of(FeatureState state) {
  return state == FeatureState::kOk ? "32" : state == FeatureState::kDegraded ? "33" : "31";
}

std::string as_table(const std::vector<Feature>& features, const std::vector<RoleVerdict>& verdicts,
                     bool colours) {
  std::size_t width = 5;
  for (const auto& feature : features) width = std::max(width, feature.name.size());
  auto out = fmt::format("Linux {}\n\n{:<{}}  {:<8}  meaning\n", kernel_release(), "check", width,
                         "state");
  for (const auto& feature : features) {
    const auto state = fmt::format("{:<8}", feature_state_name(feature.state));
    out += fmt::format("{:<{}}  {}  {}\n", feature.name, width,
                       coloured(colour_of(feature.state), state, colours), feature.detail);
    if (feature.state == FeatureState::kOk) continue;
    const std::string indent(width + 12, ' ');
    out += indent + feature.meaning + '\n';
    if (!feature.hint.empty()) out += indent + "hint: " + feature.hint + '\n';
  }
  out += '\n';
  for (const auto& verdict : verdicts) {
    std::string reasons;
    for (const auto& reason : verdict.reasons) reasons += (reasons.empty() ? "" : "; ") + reason;
    const auto line = verdict.readiness == Readiness::kReady ? coloured("32", "ready", colours)
                      : verdict.readiness == Readiness::kDegraded
                          ? coloured("33", "ready, but", colours) + " " + reasons
                          : coloured("31", "not possible:", colours) + " " + reasons;
    out += fmt::format("{:<{}}  {}{}\n", verdict.role, width, line,
                       kernel::is_present(verdict.role) ? "" : " (not in this version)");
  }
  return out;
}

}  // namespace

void add_doctor(CLI::App& app, Outcome& outcome) {
  auto* doctor = app.add_subcommand(
      "doctor", "What this machine's kernel offers, and what follows for each role");
  auto* json = doctor->add_flag("-j,--json")->description("JSON instead of a table");
  doctor->callback([json, &outcome] {
    const auto features = kernel::probe_features();
    const auto verdicts = kernel::judge_roles(features);
    const auto text = json->count() > 0
                          ? as_json(features, verdicts)
                          : as_table(features, verdicts, lab::is_live_terminal(STDOUT_FILENO));
    std::fputs(text.c_str(), stdout);
    outcome.value = kernel::all_roles_possible(verdicts) ? ExitCode::kOk : ExitCode::kFailed;
  });
}

}  // namespace anabranch::cli
