// SPDX-License-Identifier: MIT
// anabranch paths: run, check, show, monitor, explain, replay, reload, cleanup.
#include "paths/paths.hpp"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/role_verbs.hpp"
#include "paths/hand_over.hpp"
#include "paths/monitor.hpp"
#include "paths/recording.hpp"
#include "paths/report_text.hpp"
#include "paths/settings.hpp"
#include "status/client.hpp"
#include "status/server.hpp"

namespace anabranch::cli {
namespace {

using nlohmann::json;

struct Options {
  std::string file;
  std::string record;
  std::string about;
  bool as_json = false;
  bool hand_back = false;
};

std::filesystem::path socket() {
  return status::socket_path("paths");
}

Result<ExitCode> run(const Options& options) {
  paths::RunOptions role;
  if (!options.file.empty()) role.file = {std::filesystem::absolute(options.file), true};
  role.record = options.record;
  ANABRANCH_TRY(paths::run_paths(role));
  return ExitCode::kOk;
}

Result<ExitCode> check(const Options& options) {
  const auto loaded = paths::load_settings(options.file);
  if (!loaded) return std::unexpected(loaded.error());
  fmt::print("{}: ok, at most {} further subflows, addresses announced: {}, {} rules\n",
             options.file, loaded->subflows, paths::announce_name(loaded->announce),
             loaded->rules.size());
  return ExitCode::kOk;
}

Result<ExitCode> show(const Options& options) {
  return show_role(socket(), options.as_json, paths::report_text, options.about);
}

/// Until the path manager ends or nobody reads us any more.
Result<ExitCode> monitor(const Options& options) {
  auto events = status::Subscription::open(socket(), "monitor");
  if (!events) return std::unexpected(events.error());
  const auto begin = events->next(seconds(10));
  if (!begin) return std::unexpected(begin.error());
  for (;;) {
    const auto event = events->next(std::chrono::years(1));
    if (!event) return std::unexpected(event.error());
    const auto line = options.as_json ? *event : paths::monitor_text(*event);
    if (line.empty()) continue;
    if (std::fprintf(stdout, "%s\n", line.c_str()) < 0 || std::fflush(stdout) != 0)
      return ExitCode::kOk;
  }
}

Result<ExitCode> replay(const Options& options) {
  const auto done = paths::replay(options.file);
  if (!done) return std::unexpected(done.error());
  const auto& other = done->difference;
  if (options.as_json) {
    json difference;
    if (other)
      difference = {{"line", other->line}, {"expected", other->expected}, {"got", other->got}};
    fmt::print("{}\n", json{{"inputs", done->inputs},
                            {"actions", done->actions},
                            {"span_s", std::chrono::duration<double>(done->span).count()},
                            {"version", done->version},
                            {"difference", difference}}
                           .dump(2));
  } else {
    fmt::print("{}: {} inputs and {} actions in {}, recorded by version {}\n", options.file,
               done->inputs, done->actions, duration_text(done->span), done->version);
  }
  if (!other) return ExitCode::kOk;
  const auto text = [](const std::string& action) {
    return action.empty() ? std::string("nothing") : action;
  };
  return fail("another decision than in the recording\n  recorded: " + text(other->expected) +
                  "\n  now:      " + text(other->got),
              options.file + ":" + std::to_string(other->line));
}

Result<ExitCode> reload(const Options&) {
  return tell_role(socket(), "reload");
}

Result<ExitCode> cleanup(const Options& options) {
  const auto answer = status::ask(socket(), "show", seconds(3), "0x0");
  if (answer || answer.error().code != ExitCode::kNotRunning)
    return fail("the path manager runs", {}, "stop it before cleaning up");
  ANABRANCH_TRY(options.hand_back ? paths::hand_back() : paths::clean_up());
  return ExitCode::kOk;
}

}  // namespace

void add_paths(CLI::App& app, Outcome& outcome) {
  auto* object = app.add_subcommand("paths", "Path manager of the machine's MPTCP connections");
  const auto options = std::make_shared<Options>();
  const Verbs<Options> verb(*object, options, outcome);
  const auto takes_file = [&](CLI::App* command, const char* what) {
    return command->add_option("-c,--config", options->file, what)->type_name("FILE");
  };
  const auto gives_json = [&](CLI::App* command, const char* what) {
    command->add_flag("-j,--json", options->as_json, what);
  };
  auto* run_verb = verb("run", "Manage the MPTCP connections of this machine until stopped", run);
  takes_file(run_verb,
             "Configuration file; left out: /etc/anabranch/paths.toml where there is one");
  run_verb
      ->add_option("--record", options->record,
                   "Write every input and what was decided on it there, for replay")
      ->type_name("FILE");
  takes_file(verb("check", "Check a configuration file", check), "Configuration file")->required();
  auto* show_verb = verb("show", "Show paths, connections and their subflows", show);
  show_verb
      ->add_option("TOKEN|DEST", options->about,
                   "Connections of this token, or to this address or prefix, with a port or "
                   "without; all when left out")
      ->type_name("");
  gives_json(show_verb, "JSON instead of tables");
  gives_json(verb("monitor", "Tell events and decisions as they come", monitor),
             "JSON, an object a line");
  add_paths_explain(*object, outcome);
  auto* replay_verb = verb("replay", "Decide again on what was recorded, and compare", replay);
  replay_verb->add_option("FILE", options->file, "The recording")->type_name("")->required();
  gives_json(replay_verb, "JSON instead of text");
  verb("reload", "Make the running path manager read its file again", reload);
  verb("cleanup",
       "Give new connections back to the kernel's path manager and remove what was set up", cleanup)
      ->add_flag("--hand-back", options->hand_back,
                 "Only give new connections back; keep what a next start goes on with");
}

}  // namespace anabranch::cli
