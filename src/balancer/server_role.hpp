// SPDX-License-Identifier: MIT
// `anabranch balancer server run`: the agent on a server, beside the unmodified application. It
// tells clients where further subflows go, and keeps that true. Packets do not need it: what it has
// set up in the kernel works on when it was killed, and the next one takes it over.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "balancer/server_machine.hpp"
#include "base/result.hpp"

namespace anabranch::balancer {

/// `name`: of the [[server]] that this machine is; empty: that of the host, with or without its
/// domain.
Result<Server> this_server(const BalancerSettings& settings, const std::string& name);

/// Until SIGTERM or SIGINT, and takes back what is announced. The program in the kernel goes on:
/// connections need it.
Result<void> run_server(const std::filesystem::path& file, const std::string& name);

struct ServerCheckup {
  Server server;
  ServerDuties duties;
  std::vector<Finding> findings;
};
/// Of this machine as it is. Changes nothing.
Result<ServerCheckup> check_server(const std::filesystem::path& file, const std::string& name);

/// Takes back what a killed one has left, and ends the program in the kernel that the file names.
Result<void> clean_up_server(const std::filesystem::path& file);

}  // namespace anabranch::balancer
