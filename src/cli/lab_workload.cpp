// SPDX-License-Identifier: MIT
// "anabranch lab workload": the sender and receiver that the lab starts inside its nodes. Hidden
// from the help, as its output is for the lab.
#include <memory>
#include <optional>
#include <string>

#include <unistd.h>

#include "cli/commands.hpp"
#include "lab/workload.hpp"

namespace anabranch::cli {
namespace {

struct WorkloadWords {
  bool listen = false;
  bool send = false;
  bool receive = false;
  bool tcp = false;
  std::string remote;
  std::string bind;
  double seconds = 0;
  unsigned sample_ms = 100;
  lab::WorkloadOptions options;
};

Result<lab::WorkloadOptions> options_from(const WorkloadWords& words) {
  auto options = words.options;
  options.listen = words.listen;
  options.send = words.send;
  options.mptcp = !words.tcp;
  options.duration = nanoseconds(static_cast<std::int64_t>(words.seconds * 1e9));
  options.sample_every = milliseconds(words.sample_ms);
  if (!words.remote.empty()) {
    const auto remote = IpAddress::parse(words.remote);
    if (!remote) return std::unexpected(remote.error());
    options.remote = *remote;
  }
  if (!words.bind.empty()) {
    const auto bind = IpAddress::parse(words.bind);
    if (!bind) return std::unexpected(bind.error());
    options.bind = *bind;
  }
  return options;
}

}  // namespace

void add_lab_workload(CLI::App& lab, Outcome& outcome) {
  auto words = std::make_shared<WorkloadWords>();
  auto* command = lab.add_subcommand("workload", "One measured transfer, reported as JSON lines");
  command->group("");
  auto* ends = command->add_option_group("end");
  ends->add_flag("--listen", words->listen, "Accept one connection");
  ends->add_option("--connect", words->remote, "Connect to this address");
  ends->require_option(1);
  auto* directions = command->add_option_group("direction");
  directions->add_flag("--send", words->send, "Produce the payload");
  directions->add_flag("--receive", words->receive, "Consume the payload");
  directions->require_option(1);
  command->add_flag("--tcp", words->tcp, "Plain TCP instead of MPTCP");
  command->add_option("--port", words->options.port, "TCP port")->capture_default_str();
  command->add_option("--bind", words->bind, "Local address; \"::\" to listen for IPv6");
  command->add_option("--seconds", words->seconds, "How long to send")
      ->check(CLI::Range(0.0, 86400.0));
  command->add_option("--octets", words->options.octets, "How much to send");
  command->add_option("--sample-ms", words->sample_ms, "Time between samples")
      ->check(CLI::Range(1, 60000))
      ->capture_default_str();
  command->add_option("--congestion", words->options.congestion, "Congestion control")
      ->capture_default_str();
  command->add_option("--seed", words->options.seed, "Of the pseudo-random payload")
      ->capture_default_str();
  command->callback([words, &outcome] {
    const auto options = options_from(*words);
    if (!options)
      outcome.value = std::unexpected(options.error());
    else if (auto result = lab::run_workload(*options, STDOUT_FILENO); !result)
      outcome.value = std::unexpected(result.error());
  });
}

}  // namespace anabranch::cli
