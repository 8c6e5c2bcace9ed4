// SPDX-License-Identifier: MIT
// "anabranch lab herd": the many connections that the lab opens inside its nodes. Hidden from the
// help, as its output is for the lab.
#include <memory>
#include <string>

#include <unistd.h>

#include "cli/commands.hpp"
#include "lab/herd.hpp"

namespace anabranch::cli {
namespace {

struct HerdWords {
  std::string listen;
  std::string connect;
  double seconds = 0;
  double pause = 0;
  double spacing = 0;
  lab::HerdOptions options;
};

Result<lab::HerdOptions> options_from(const HerdWords& words) {
  auto options = words.options;
  options.listen = !words.listen.empty();
  const auto address = IpAddress::parse(options.listen ? words.listen : words.connect);
  if (!address) return std::unexpected(address.error());
  options.address = *address;
  const auto time = [](double value) {
    return nanoseconds(static_cast<std::int64_t>(value * 1e9));
  };
  options.duration = time(words.seconds);
  options.pause = time(words.pause);
  options.spacing = time(words.spacing);
  return options;
}

}  // namespace

void add_lab_herd(CLI::App& lab, Outcome& outcome) {
  auto words = std::make_shared<HerdWords>();
  auto* command = lab.add_subcommand("herd", "Many connections, reported as JSON lines");
  command->group("");
  auto* ends = command->add_option_group("end");
  ends->add_option("--listen", words->listen, "Take connections at this address and echo");
  ends->add_option("--connect", words->connect, "Connect to this address");
  ends->require_option(1);
  command->add_option("--port", words->options.port, "First TCP port")->capture_default_str();
  command->add_option("--ports", words->options.ports, "How many ports")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command->add_option(
      "--connections", words->options.connections,
      "How many to open and hold; 0 for short ones. Of a listener: to have room for");
  command->add_option("--seconds", words->seconds, "How long to open short ones")
      ->check(CLI::Range(0.0, 3600.0));
  command->add_option("--at-once", words->options.at_once, "Under way at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  command->add_option("--pause", words->pause, "Seconds between an echo and the next request");
  command->add_option("--spacing", words->spacing, "Seconds between two openings");
  command->callback([words, &outcome] {
    const auto options = options_from(*words);
    if (!options)
      outcome.value = std::unexpected(options.error());
    else if (auto result = lab::run_herd(*options, STDOUT_FILENO); !result)
      outcome.value = std::unexpected(result.error());
  });
}

}  // namespace anabranch::cli
