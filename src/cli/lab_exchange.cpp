// SPDX-License-Identifier: MIT
// "anabranch lab exchange": the short connections that the lab times. Hidden from the help, as its
// output is for the lab.
#include <memory>
#include <string>

#include <unistd.h>

#include "cli/commands.hpp"
#include "lab/exchange.hpp"

namespace anabranch::cli {
namespace {

struct ExchangeWords {
  std::string listen;
  std::string connect;
  std::string via;
  unsigned pause_ms = 20;
  lab::ExchangeOptions options;
};

Result<lab::ExchangeOptions> options_from(const ExchangeWords& words) {
  auto options = words.options;
  options.listen = !words.listen.empty();
  options.pause = milliseconds(words.pause_ms);
  const auto endpoint = Endpoint::parse(options.listen ? words.listen : words.connect);
  if (!endpoint) return std::unexpected(endpoint.error());
  options.endpoint = *endpoint;
  if (!words.via.empty()) {
    const auto via = Endpoint::parse(words.via);
    if (!via) return std::unexpected(via.error());
    options.via = *via;
  }
  return options;
}

}  // namespace

void add_lab_exchange(CLI::App& lab, Outcome& outcome) {
  auto words = std::make_shared<ExchangeWords>();
  auto* command =
      lab.add_subcommand("exchange", "Short connections, timed at both ends, as a JSON line");
  command->group("");
  auto* ends = command->add_option_group("end");
  ends->add_option("--listen", words->listen, "Answer at this address and port");
  ends->add_option("--connect", words->connect, "Ask this address and port");
  ends->require_option(1);
  command->add_flag("--server-first", words->options.server_first,
                    "The server greets before it is asked");
  command->add_option("--via", words->via, "A SOCKS5 proxy");
  command->add_option("--count", words->options.count, "How many connections")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  command->add_option("--pause-ms", words->pause_ms, "Between two connections")
      ->capture_default_str();
  command->callback([words, &outcome] {
    const auto options = options_from(*words);
    if (!options)
      outcome.value = std::unexpected(options.error());
    else if (auto result = lab::run_exchange(*options, STDOUT_FILENO); !result)
      outcome.value = std::unexpected(result.error());
  });
}

}  // namespace anabranch::cli
