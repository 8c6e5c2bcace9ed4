// SPDX-License-Identifier: MIT
// What the command lines of the roles have in common: verbs that share options, and questions to a
// running role.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/units.hpp"
#include "cli/commands.hpp"

namespace anabranch::cli {

/// The subcommands of an object. Each has an action: `Result<ExitCode>(const Options&)`.
template <class Options>
class Verbs {
 public:
  Verbs(CLI::App& object, std::shared_ptr<Options> options, Outcome& outcome)
      : object_(object), options_(std::move(options)), outcome_(outcome) {
    object_.require_subcommand(1);
  }

  template <class Action>
  CLI::App* operator()(const char* name, const char* what, Action action) const {
    auto* command = object_.add_subcommand(name, what);
    command->callback([options = options_, action = std::move(action), &outcome = outcome_] {
      outcome.value = action(*options);
    });
    return command;
  }

 private:
  CLI::App& object_;
  std::shared_ptr<Options> options_;
  Outcome& outcome_;
};

/// -c FILE; `config` has the default, and outlives the command line.
void add_config(CLI::App& command, std::string& config);
/// -j
void add_json(CLI::App& command, bool& as_json);

inline Result<ExitCode> ok_or(const Result<void>& done) {
  if (!done) return std::unexpected(done.error());
  return ExitCode::kOk;
}

/// Prints what the role shows: its JSON, or the text that is made of it. `about`: of the verb.
Result<ExitCode> show_role(const std::filesystem::path& socket, bool as_json,
                           const std::function<Result<std::string>(const std::string&)>& text,
                           const std::string& about = {});

/// Makes the running role do something. `about`: of the verb.
Result<ExitCode> tell_role(const std::filesystem::path& socket, const char* verb,
                           const std::string& about = {});

/// What a proxy of the pair is for its command line.
struct ProxyRole {
  std::string name;  ///< of the object and its socket
  const char* what;  ///< of the object
  const char* run;   ///< of the verb
  const char* show;  ///< of the verb
  std::function<Result<void>(const std::filesystem::path& file)> start;
  /// A sentence about a file without mistakes.
  std::function<Result<std::string>(const std::filesystem::path& file)> check;
  Result<std::string> (*text)(const std::string& report);
  Result<void> (*clean_up)();
  /// Adds what the role takes beside the file, to run and to check.
  std::function<void(CLI::App&)> more_options = [](CLI::App&) {};
};

struct ProxyOptions {
  std::string config;
  bool as_json = false;
};

/// run, check, show, reload and cleanup; the object may get more.
Verbs<ProxyOptions> add_proxy_role(CLI::App& app, const ProxyRole& role, Outcome& outcome);

}  // namespace anabranch::cli
