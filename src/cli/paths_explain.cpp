// SPDX-License-Identifier: MIT
// anabranch paths explain: why a pair of addresses is used or not.
#include <cstdio>
#include <filesystem>
#include <string>

#include <unistd.h>

#include "cli/commands.hpp"
#include "lab/progress.hpp"
#include "paths/explain.hpp"
#include "paths/inspection.hpp"

namespace anabranch::cli {
namespace {

struct Options {
  std::string subject;
  std::string file;
  bool try_peer = false;
  bool json = false;
};

Result<ExitCode> explain(const Options& options) {
  auto question = paths::parse_question(options.subject);
  if (!question) return std::unexpected(question.error());
  if (!options.file.empty()) question->settings_file = std::filesystem::absolute(options.file);
  question->try_peer = options.try_peer;
  const auto facts = paths::inspect(*question);
  if (!facts) return std::unexpected(facts.error());
  const auto found = paths::explain(*facts);
  const auto text = options.json ? paths::explain_json(found)
                                 : paths::explain_text(found, lab::is_live_terminal(STDOUT_FILENO));
  std::fputs(text.c_str(), stdout);
  return ExitCode::kOk;
}

}  // namespace

void add_paths_explain(CLI::App& paths, Outcome& outcome) {
  auto options = std::make_shared<Options>();
  auto* verb = paths.add_subcommand(
      "explain", "For every pair of addresses: used by the connection, or why not");
  verb->add_option("TOKEN|DEST", options->subject)
      ->description("Token of a connection, or an address of a peer, with a port or without")
      ->required();
  verb->add_flag("--try", options->try_peer)
      ->description("Connect to the peer over each path, without sending data");
  verb->add_option("-c,--config", options->file)
      ->description("The path manager's configuration; left out: the one it runs with")
      ->type_name("FILE");
  verb->add_flag("-j,--json", options->json)->description("JSON instead of text");
  verb->callback([options, &outcome] { outcome.value = explain(*options); });
}

}  // namespace anabranch::cli
