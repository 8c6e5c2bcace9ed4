// SPDX-License-Identifier: MIT
// "anabranch lab downloads": what visitors of balanced servers fetch inside the lab's nodes. Hidden
// from the help, as its output is for the lab.
#include <memory>
#include <string>

#include <unistd.h>

#include "cli/commands.hpp"
#include "lab/balanced_downloads.hpp"

namespace anabranch::cli {
namespace {

struct DownloadWords {
  std::string connect;
  double join_patience = 10;
  double pause = 0;
  double patience = 10;
  lab::DownloadOptions options;
};

Result<lab::DownloadOptions> options_from(const DownloadWords& words) {
  auto options = words.options;
  const auto service = Endpoint::parse(words.connect);
  if (!service) return std::unexpected(service.error());
  options.service = *service;
  const auto time = [](double value) {
    return nanoseconds(static_cast<std::int64_t>(value * 1e9));
  };
  options.join_patience = time(words.join_patience);
  options.pause = time(words.pause);
  options.patience = time(words.patience);
  return options;
}

}  // namespace

void add_lab_downloads(CLI::App& lab, Outcome& outcome) {
  auto words = std::make_shared<DownloadWords>();
  auto* command = lab.add_subcommand("downloads", "Many downloads, reported as JSON lines");
  command->group("");
  command->add_option("--connect", words->connect, "The service, ADDRESS:PORT")->required();
  command->add_option("--sha256", words->options.sha256, "Of each piece")->required();
  command->add_option("--live", words->options.live, "Connections at a time")
      ->check(CLI::Range(1, 1000));
  command->add_option("--total", words->options.total, "Altogether; 0: until told to end");
  command->add_option("--pieces", words->options.pieces, "Of each; 0: until told to end");
  command->add_option("--joins", words->options.joins, "Further subflows that each waits for");
  command->add_option("--join-patience", words->join_patience, "Seconds to wait for those");
  command->add_option("--pause", words->pause, "Seconds between two pieces");
  command->add_option("--patience", words->patience, "Seconds without an octet");
  command->callback([words, &outcome] {
    const auto options = options_from(*words);
    if (!options)
      outcome.value = std::unexpected(options.error());
    else if (auto result = lab::run_downloads(*options, STDIN_FILENO, STDOUT_FILENO); !result)
      outcome.value = std::unexpected(result.error());
  });
}

}  // namespace anabranch::cli
