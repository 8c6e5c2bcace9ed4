// SPDX-License-Identifier: MIT
// anabranch doctor: what this machine offers, what is missing, what follows for each role; and for
// a proxy whose file is there, whether its surroundings let it work.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/commands.hpp"
#include "kernel/feature_roles.hpp"
#include "kernel/features.hpp"
#include "lab/progress.hpp"
#include "proxy/checkup.hpp"

namespace anabranch::cli {
namespace {

using kernel::Feature;
using kernel::FeatureState;
using kernel::Readiness;
using kernel::RoleVerdict;
using proxy::Health;

/// What was found out for a role by its file.
struct Examined {
  std::string role;
  std::string file;
  std::vector<proxy::Check> checks;
};

const char* health_name(Health health) {
  return health == Health::kOk ? "ok" : health == Health::kDoubtful ? "doubtful" : "sick";
}

std::string kernel_release() {
  utsname names{};
  return ::uname(&names) == 0 ? names.release : "not known";
}

std::string as_json(const std::vector<Feature>& features, const std::vector<RoleVerdict>& verdicts,
                    const std::vector<Examined>& examined) {
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
                           {"reasons", verdict.reasons}};
  Json files = Json::object();
  for (const auto& one : examined) {
    Json found = Json::array();
    for (const auto& check : one.checks)
      found.push_back({{"name", check.name},
                       {"state", health_name(check.health)},
                       {"found", check.found},
                       {"why", check.why},
                       {"cure", check.cure}});
    files[one.role] = {{"file", one.file}, {"checks", std::move(found)}};
  }
  const Json out = {{"kernel", kernel_release()},
                    {"checks", std::move(checks)},
                    {"roles", std::move(roles)},
                    {"files", std::move(files)}};
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
    out += fmt::format("{:<{}}  {}\n", verdict.role, width, line);
  }
  return out;
}

std::string as_table(const Examined& examined, bool colours) {
  auto out = fmt::format("\n{} with {}\n", examined.role, examined.file);
  std::size_t width = 5;
  for (const auto& check : examined.checks) width = std::max(width, check.name.size());
  for (const auto& check : examined.checks) {
    const char* colour = check.health == Health::kOk         ? "32"
                         : check.health == Health::kDoubtful ? "33"
                                                             : "31";
    const auto state = fmt::format("{:<8}", health_name(check.health));
    out += fmt::format("{:<{}}  {}  {}\n", check.name, width, coloured(colour, state, colours),
                       check.found);
    const std::string indent(width + 12, ' ');
    if (!check.why.empty()) out += indent + check.why + '\n';
    if (!check.cure.empty()) out += indent + "cure: " + check.cure + '\n';
  }
  return out;
}

struct Options {
  std::string cpe = "/etc/anabranch/cpe.toml";
  std::string converter = "/etc/anabranch/converter.toml";
  bool as_json = false;
};

/// `file`: one that nobody named need not be there.
template <class Settings>
Result<void> examine(std::vector<Examined>& out, const char* role, const std::string& file,
                     bool named, const Result<Settings>& settings,
                     std::vector<proxy::Check> (*checks)(const Settings&)) {
  std::error_code error;
  if (!named && !std::filesystem::exists(file, error)) return {};
  if (!settings) return std::unexpected(settings.error());
  out.push_back({role, file, checks(*settings)});
  return {};
}

Result<ExitCode> report(const Options& options, bool cpe_named, bool converter_named) {
  std::vector<Examined> examined;
  ANABRANCH_TRY(examine(examined, "cpe", options.cpe, cpe_named,
                        proxy::load_cpe_settings(options.cpe), proxy::check_cpe));
  ANABRANCH_TRY(examine(examined, "converter", options.converter, converter_named,
                        proxy::load_converter_settings(options.converter), proxy::check_converter));
  const auto features = kernel::probe_features();
  const auto verdicts = kernel::judge_roles(features);
  const bool colours = lab::is_live_terminal(STDOUT_FILENO);
  auto text = options.as_json ? as_json(features, verdicts, examined)
                              : as_table(features, verdicts, colours);
  if (!options.as_json)
    for (const auto& one : examined) text += as_table(one, colours);
  std::fputs(text.c_str(), stdout);
  const auto sick = [](const Examined& one) {
    return std::ranges::find(one.checks, Health::kSick, &proxy::Check::health) != one.checks.end();
  };
  return kernel::all_roles_possible(verdicts) && std::ranges::none_of(examined, sick)
             ? ExitCode::kOk
             : ExitCode::kFailed;
}

}  // namespace

void add_doctor(CLI::App& app, Outcome& outcome) {
  auto* doctor = app.add_subcommand(
      "doctor", "What this machine's kernel offers, and what follows for each role");
  const auto options = std::make_shared<Options>();
  doctor->add_flag("-j,--json", options->as_json, "JSON instead of a table");
  auto* cpe =
      doctor->add_option("--cpe", options->cpe, "Configuration file of a CPE to look after");
  auto* converter =
      doctor->add_option("--converter", options->converter, "The same of a converter");
  for (auto* option : {cpe, converter}) option->type_name("FILE")->capture_default_str();
  doctor->callback([=, &outcome] {
    outcome.value = report(*options, cpe->count() > 0, converter->count() > 0);
  });
}

}  // namespace anabranch::cli
