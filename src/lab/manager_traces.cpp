// SPDX-License-Identifier: MIT
#include "lab/manager_traces.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/directories.hpp"
#include "lab/role_memory.hpp"

namespace anabranch::lab {
namespace {

Result<std::string> ss(const Network& network, std::string_view node,
                       std::vector<std::string> words) {
  words.insert(words.begin(), "ss");
  auto done = network.run(node, std::move(words));
  if (!done) return std::unexpected(done.error());
  if (done->exit_code != 0) return fail("ss does not work", done->errors);
  return std::move(done->output);
}

Result<unsigned> open_descriptors(pid_t pid) {
  std::error_code error;
  unsigned out = 0;
  for (std::filesystem::directory_iterator at(fmt::format("/proc/{}/fd", pid), error), end;
       !error && at != end; at.increment(error))
    ++out;
  if (error) return fail("cannot count descriptors: " + error.message());
  return out;
}

/// The process and its children: who supervises and who works may be two.
Result<std::vector<pid_t>> family(pid_t pid) {
  const auto children = read_file(fmt::format("/proc/{0}/task/{0}/children", pid));
  if (!children) return std::unexpected(children.error());
  std::vector<pid_t> out = {pid};
  std::istringstream in(*children);
  for (pid_t child = 0; in >> child;) out.push_back(child);
  return out;
}

}  // namespace

Result<ManagerTraces> manager_traces(const Network& network, std::string_view node,
                                     Manager manager) {
  ManagerTraces out;
  const auto listeners = ss(network, node, {"-Hlnt"});
  if (!listeners) return std::unexpected(listeners.error());
  out.listeners = static_cast<unsigned>(std::ranges::count(*listeners, '\n'));
  if (manager == Manager::kKernel) return out;
  const auto pid =
      network.role_pid(node, manager == Manager::kAnabranch ? kPathsRole : kMptcpdRole);
  if (!pid) return std::unexpected(pid.error());
  const auto processes = family(*pid);
  if (!processes) return std::unexpected(processes.error());
  for (const pid_t process : *processes) {
    const auto memory = resident_memory(process);
    if (!memory) return std::unexpected(memory.error());
    out.resident_kib += memory->kib;
    const auto descriptors = open_descriptors(process);
    if (!descriptors) return std::unexpected(descriptors.error());
    out.descriptors += *descriptors;
  }
  if (manager != Manager::kAnabranch) return out;
  const auto shown = network.ask(node, kPathsRole, "show");
  if (!shown) return std::unexpected(shown.error());
  const auto json = nlohmann::json::parse(*shown, nullptr, false);
  if (!json.is_object() || !json.contains("connections") || !json["connections"].is_array())
    return fail("the path manager does not show its connections");
  out.connections = static_cast<unsigned>(json["connections"].size());
  return out;
}

Result<void> add_paths_in_use(const Network& network, std::string_view node, PathsInUse& paths) {
  const auto lines = ss(network, node, {"-Htn", "state", "established"});
  if (!lines) return std::unexpected(lines.error());
  std::istringstream in(*lines);
  // Columns: two queues, local and peer address with port.
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string queue;
    std::string local;
    std::string peer;
    if (words >> queue >> queue >> local >> peer)
      paths.emplace(local.substr(0, local.rfind(':')), peer);
  }
  return {};
}

}  // namespace anabranch::lab
